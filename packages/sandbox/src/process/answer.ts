import { z } from "zod";
import type { Answer } from "../protocol.ts";

const logsSchema = z.array(z.string());

/** The form of an answer. It comes from where strangers' code ran, so nothing else of it is believed. */
export const answerSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("ready") }),
  z.strictObject({ kind: z.literal("done"), logs: logsSchema, canGoOn: z.boolean() }),
  z.strictObject({ kind: z.literal("failed"), failure: z.enum(["invalid", "threw", "timeout", "memory", "output-size"]), message: z.string(), logs: logsSchema, canGoOn: z.boolean() }),
]) satisfies z.ZodType<Answer>;

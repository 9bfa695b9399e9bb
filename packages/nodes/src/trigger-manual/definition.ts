import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";
import { jsonObjectSchema } from "../schemas/json.ts";

const paramsSchema = z.strictObject({});

export type ManualTriggerParams = z.output<typeof paramsSchema>;

export const manualTrigger = defineNode({
  type: "trigger.manual",
  kind: "trigger",
  title: "Manual start",
  docs: "Starts an execution when somebody asks for it through the admin API. The input given there is the output, and is there for every node as `trigger`.",
  tier: "FREE",
  params: paramsSchema,
  output: jsonObjectSchema.describe("The input of the start."),
  ports: () => MAIN_PORT,
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [{ title: "A workflow that is started by hand", params: {} }],
});

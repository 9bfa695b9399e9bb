import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";
import { jsonValueSchema } from "../schemas/json.ts";

const paramsSchema = z.strictObject({
  items: z.array(jsonValueSchema).describe("The list, of any length."),
  count: z.int().min(0).max(100_000).describe("How many elements are kept at most."),
  from: z.enum(["first", "last"]).default("first").describe("`first`: from the beginning. `last`: from the end; the order stays."),
  skip: z.int().min(0).max(1_000_000).default(0).describe("How many elements are passed over before, counted from the same side."),
});

export type LimitParams = z.output<typeof paramsSchema>;

const outputSchema = z.strictObject({
  items: z.array(jsonValueSchema).describe("The kept elements, in their order."),
  count: z.int().min(0).describe("How many they are."),
  omitted: z.int().min(0).describe("How many elements of the list are not among them."),
});

export const limit = defineNode({
  type: "limit",
  kind: "data",
  title: "Limit",
  docs: `Keeps a part of a list: the first or the last elements, after some that are skipped. A list that is shorter is kept as it is.
The same list always gives the same part; there is no random choice.`,
  tier: "FREE",
  params: paramsSchema,
  output: outputSchema,
  ports: () => MAIN_PORT,
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [
    { title: "The first ten", params: { items: ["a", "b", "c"], count: 10 } },
    { title: "The second page of two", params: { items: ["a", "b", "c", "d", "e"], count: 2, skip: 2 } },
    { title: "The latest three", params: { items: [1, 2, 3, 4, 5], count: 3, from: "last" } },
  ],
});

import { defineNode } from "@fluxo/core/node/definition";
import { z } from "zod";
import { CONDITION_DOCS, conditionsSchema, matchSchema } from "../conditions/schema.ts";

const PORTS = ["true", "false"] as const;

const paramsSchema = z.strictObject({
  match: matchSchema,
  conditions: conditionsSchema.describe("The comparisons that decide."),
});

export type IfParams = z.output<typeof paramsSchema>;

const outputSchema = z.strictObject({
  result: z.boolean().describe("Whether the conditions hold, as `match` asks."),
  conditions: z.array(z.boolean()).describe("Whether each condition holds, in their order."),
});

export const ifNode = defineNode({
  type: "if",
  kind: "flow",
  title: "If",
  docs: `Goes on through the port \`true\` or \`false\`.\n\n${CONDITION_DOCS}`,
  tier: "FREE",
  params: paramsSchema,
  output: outputSchema,
  ports: () => PORTS,
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [
    { title: "A large order", params: { conditions: [{ left: "{{ trigger.body.total }}", operator: "greaterThan", right: 100 }] } },
    {
      title: "A request from either of two countries, in any case",
      params: {
        match: "any",
        conditions: [
          { left: "{{ trigger.body.country }}", operator: "equals", right: "de", caseSensitive: false },
          { left: "{{ trigger.body.country }}", operator: "equals", right: "at", caseSensitive: false },
        ],
      },
    },
    { title: "An address is given", params: { conditions: [{ left: "{{ trigger.body.email | default: null }}", operator: "exists" }] } },
  ],
});

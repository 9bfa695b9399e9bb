import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { EXPRESSION_LENGTH_MAX } from "@fluxo/sandbox/limits";
import { jsonataProblem } from "@fluxo/sandbox/syntax/jsonata";
import { z } from "zod";
import { CODE_NODE_TIMEOUT_MS, codeTimeoutSchema } from "../code/definition.ts";
import { jsonValueSchema } from "../schemas/json.ts";

const paramsSchema = z.strictObject({
  expression: z
    .string()
    .min(1)
    .max(EXPRESSION_LENGTH_MAX)
    .describe("A [JSONata](https://docs.jsonata.org) expression. Not a template: what comes from elsewhere comes in by `input`."),
  input: jsonValueSchema.default(null).describe("What the expression is applied to: `$`."),
  timeoutMs: codeTimeoutSchema,
});

export type TransformParams = z.output<typeof paramsSchema>;

export const transform = defineNode({
  type: "transform",
  kind: "data",
  title: "Transform",
  docs: `Reshapes data by a [JSONata](https://docs.jsonata.org) expression: choose, rename, filter, group, sum up. The output is what the expression gives; null when it gives nothing.
Limits: 8,192 characters of expression, 4 MiB of input, 1 MiB and 64 levels of output, 64 MiB of memory, 30 s.`,
  tier: "FREE",
  params: paramsSchema,
  output: jsonValueSchema.describe("What the expression gives."),
  ports: () => MAIN_PORT,
  retryClass: "transient",
  sideEffect: "none",
  integration: null,
  literalParams: ["expression"],
  findIssues: ({ expression }) => {
    const problem = typeof expression === "string" ? jsonataProblem(expression) : undefined;
    return problem === undefined ? [] : [{ code: "CODE_INVALID", path: ["expression"], message: problem }];
  },
  defaultTimeoutMs: CODE_NODE_TIMEOUT_MS,
  examples: [
    { title: "Choose and rename", params: { expression: '{ "customer": customerId, "mail": $lowercase(email) }', input: "{{ trigger.body }}" } },
    { title: "Sum up a list", params: { expression: "$sum(items)", input: { items: "{{ trigger.body.items }}" } } },
  ],
});

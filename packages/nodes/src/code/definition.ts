import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { SOURCE_BYTES_MAX } from "@fluxo/sandbox/limits";
import { javascriptProblem } from "@fluxo/sandbox/syntax/javascript";
import { z } from "zod";
import { jsonValueSchema } from "../schemas/json.ts";

/** Longest time that code may take. Milliseconds. */
const TIMEOUT_MS_MAX = 30_000;

/** The node's own limit: the longest time of the code, and as much again to wait for its turn. */
export const CODE_NODE_TIMEOUT_MS = 2 * TIMEOUT_MS_MAX;

/** How long tenants' code may take. */
export const codeTimeoutSchema = z.int().min(1).max(TIMEOUT_MS_MAX).default(5_000).describe("How long it may run, in milliseconds, its wait for a turn left out.");

const paramsSchema = z.strictObject({
  source: z
    .string()
    .min(1)
    .max(SOURCE_BYTES_MAX)
    .describe("JavaScript, the body of a function: `input` is in scope, `return` gives the result. Not a template: what comes from elsewhere comes in by `input`."),
  input: jsonValueSchema.default(null).describe("What the code sees as `input`."),
  timeoutMs: codeTimeoutSchema,
});

export type CodeParams = z.output<typeof paramsSchema>;

export const code = defineNode({
  type: "code",
  kind: "data",
  title: "Code",
  docs: `Runs JavaScript of your own on data. The code sees \`input\` and the language itself, and nothing else: no network, no files, no credentials, no modules, no timers.
It returns JSON or a promise of it; \`console.log\` lines are part of the output. Every call begins anew, nothing is kept from one to the next.
Limits: 64 KiB of source, 4 MiB of input, 1 MiB and 64 levels of result, 64 MiB of memory, 30 s.`,
  tier: "STARTER",
  params: paramsSchema,
  output: z.strictObject({
    result: jsonValueSchema.describe("What the code returned; null for nothing."),
    logs: z.array(z.string()).describe("What the code printed, the first 100 lines."),
  }),
  ports: () => MAIN_PORT,
  retryClass: "transient",
  sideEffect: "none",
  integration: null,
  literalParams: ["source"],
  findIssues: ({ source }) => {
    const problem = typeof source === "string" ? javascriptProblem(source) : undefined;
    return problem === undefined ? [] : [{ code: "CODE_INVALID", path: ["source"], message: problem }];
  },
  defaultTimeoutMs: CODE_NODE_TIMEOUT_MS,
  examples: [
    { title: "Sum up the items of an order", params: { source: "return { total: input.items.reduce((sum, item) => sum + item, 0) };", input: { items: "{{ trigger.body.items }}" } } },
    { title: "Make a text of a value", params: { source: "console.log('order', input);\nreturn String(input).padStart(6, '0');", input: "{{ trigger.body.id }}", timeoutMs: 1_000 } },
  ],
});

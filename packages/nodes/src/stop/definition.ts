import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";

const paramsSchema = z.strictObject({
  message: z.string().min(1).max(2_000).describe("Says why, in the failure of the node and of the execution."),
  code: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, "must start with a letter or digit and hold letters, digits, '_', '.' or '-' (64 at most)")
    .optional()
    .describe("A code of your own; it stands before the message in brackets."),
});

export type StopParams = z.output<typeof paramsSchema>;

export const stop = defineNode({
  type: "stop",
  kind: "flow",
  title: "Stop with an error",
  docs: `Fails on purpose, with the code \`STOPPED_BY_WORKFLOW\` and your message. The execution fails, unless the node's \`onError\` says otherwise; then the node
goes on like any other that failed.`,
  tier: "FREE",
  params: paramsSchema,
  output: z.never(),
  ports: () => MAIN_PORT,
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [
    { title: "A reason", params: { message: "The order {{ trigger.body.id }} has no items." } },
    { title: "A reason with a code", params: { message: "The customer is blocked.", code: "CUSTOMER_BLOCKED" } },
  ],
});

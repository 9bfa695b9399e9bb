import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";
import { jsonObjectSchema } from "../schemas/json.ts";

const paramsSchema = z.strictObject({});

export type WorkflowTriggerParams = z.output<typeof paramsSchema>;

export const workflowTrigger = defineNode({
  type: "trigger.workflow",
  kind: "trigger",
  title: "Called by a workflow",
  docs: `Starts an execution when a \`workflow.execute\` node of the same tenant calls this workflow. The input given there is the output, and is there for every node as
\`trigger\`. What the last nodes of the execution give are the results that the caller sees.`,
  tier: "FREE",
  params: paramsSchema,
  output: jsonObjectSchema.describe("The input of the call."),
  ports: () => MAIN_PORT,
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [{ title: "A workflow that others call", params: {} }],
});

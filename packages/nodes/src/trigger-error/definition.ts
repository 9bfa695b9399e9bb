import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";
import { jsonObjectSchema } from "../schemas/json.ts";

const paramsSchema = z.strictObject({});

export type ErrorTriggerParams = z.output<typeof paramsSchema>;

export const errorTrigger = defineNode({
  type: "trigger.error",
  kind: "trigger",
  title: "When an execution fails",
  docs: `Starts an execution when one of another workflow ends with FAILED, whatever it failed of: a node, a time-out, or a worker that died. The first of these that has such a node
is started: the error workflow of the failed workflow, of its tenant, of its agency (\`errorWorkflowId\` of the API). It starts exactly once per failed execution, and counts for
quota and slots like any other. What was refused (BLOCKED) or canceled starts none, and neither does the failure of an error workflow, or of a sub-workflow that it called.

The output is \`{ execution, workflow }\`, and is there for every node as \`trigger\`: \`execution\` has \`id\`, \`tenantId\`, \`workflowId\`, \`versionId\`, \`triggerKind\`,
\`parentExecutionId\`, \`startedAt\`, \`completedAt\`, \`error: { code, message, nodeId }\` and \`failedNodes\`, the failures of nodes, handled or not (20 at most), each with \`nodeId\`,
\`name\`, \`type\`, \`integration\`, \`message\`, \`errorClass\`, \`code\`, \`occurredAt\` and \`attempt\`; \`workflow\` has \`id\` and \`name\`.`,
  tier: "FREE",
  params: paramsSchema,
  output: jsonObjectSchema.describe("What failed: `{ execution, workflow }`."),
  ports: () => MAIN_PORT,
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [{ title: "A workflow that tells of failures", params: {} }],
});

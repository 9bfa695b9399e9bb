import { CHILD_DEPTH_MAX } from "@fluxo/core/node/child";
import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { EXECUTION_STATUSES } from "@fluxo/core/status/execution-status";
import { z } from "zod";
import { jsonObjectSchema, jsonValueSchema } from "../schemas/json.ts";

const paramsSchema = z.strictObject({
  workflowId: z.uuid("must be the id of a workflow").describe("The workflow to be called, of the same tenant. Always an id: no template can make one."),
  input: jsonObjectSchema.default({}).describe("What the called execution starts with: its `trigger`."),
  mode: z.enum(["wait", "detach"]).default("wait").describe("`wait`: the node ends with the called execution. `detach`: it ends as soon as that is queued."),
  onChildFailure: z
    .enum(["fail", "continue"])
    .default("fail")
    .describe("With `wait`: what a called execution does to the node that did not succeed. `fail`: the node fails with CHILD_FAILED. `continue`: its output tells of it under `error`."),
});

export type SubWorkflowParams = z.output<typeof paramsSchema>;

const outputSchema = z.strictObject({
  executionId: z.uuid().describe("The called execution."),
  status: z.enum(EXECUTION_STATUSES).describe("How it ended; `QUEUED` with `detach`."),
  results: jsonValueSchema.describe("The results of its last nodes, by alias or id; empty with `detach`."),
  error: z
    .strictObject({ code: z.string().describe("Its error code."), message: z.string().describe("Its error message.") })
    .optional()
    .describe("Why it did not succeed, with `onChildFailure: \"continue\"`."),
});

export const subWorkflow = defineNode({
  type: "workflow.execute",
  kind: "flow",
  title: "Sub-workflow",
  docs: `Calls another workflow of the same tenant, which needs a published \`trigger.workflow\` node, and goes on with its results: \`{{ <id>.results.<last node> }}\`.
While it waits, the execution is WAITING with the reason CHILD and holds neither a worker nor a concurrency slot. The called execution is one like any other: it counts for
quota and slots, has a timeline of its own, and runs the version that is published when it is called. However often the node is tried, it calls once.
Calls may be nested ${CHILD_DEPTH_MAX} deep. When the calling execution is canceled, the executions that it waits for are canceled too; when it fails, they go on.
Inside of a loop, each item makes its own call.`,
  tier: "FREE",
  params: paramsSchema,
  output: outputSchema,
  ports: () => MAIN_PORT,
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [
    { title: "Wait for the results", params: { workflowId: "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", input: { customer: "{{ trigger.body.customerId }}" } } },
    { title: "Go on although it failed", params: { workflowId: "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", onChildFailure: "continue" } },
    { title: "Start it and go on", params: { workflowId: "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", input: { order: "{{ trigger.body }}" }, mode: "detach" } },
  ],
});

import { z } from "zod";
import { startedSchema } from "./executions.ts";
import { idempotencyHeaders } from "./idempotency.ts";
import { defineRoute } from "./route.ts";
import { idSchema, instantSchema, jsonValueSchema } from "./scalars.ts";

const tag = "Reruns";

const params = z.strictObject({ executionId: idSchema("The execution to repeat.") });

/** How an execution is repeated, without its input. */
export const rerunOptionsShape = {
  from: z.enum(["start", "failedNode"]).meta({
    description: "`start`: from the trigger. `failedNode`: what succeeded is taken over and not done again; the failed node and all that follows are done anew.",
    example: "failedNode",
  }),
  version: z.enum(["same", "latest"]).default("same").meta({ description: "The version of the execution, or the one that is published now.", example: "same" }),
};

const inputSchema = z.record(z.string(), z.json()).meta({ description: "The trigger payload instead of the recorded one.", example: { customer: "Ada" } });

/** Says where the options of a rerun contradict each other. */
export function refineRerun(options: { readonly from: string; readonly version: string; readonly input?: unknown }, context: z.RefinementCtx, path: readonly string[] = []): void {
  if (options.from !== "failedNode") return;
  if (options.version !== "same") context.addIssue({ code: "custom", path: [...path, "version"], message: "must be same: a journal fits the version that wrote it" });
  if (options.input !== undefined) context.addIssue({ code: "custom", path: [...path, "input"], message: "must be absent: what is taken over was made from the recorded input" });
}

const dryNodeSchema = z
  .strictObject({
    nodeId: z.string().meta({ description: "The node.", example: "total" }),
    name: z.string().meta({ description: "Its name, or its id.", example: "Total" }),
    type: z.string().meta({ description: "Its type.", example: "set" }),
    item: z.int().meta({ description: "Which item of a loop; 0 outside of loops.", example: 0 }),
    outcome: z.enum(["same", "different", "onlyBefore", "onlyNow", "notRecorded", "notComputed"]).meta({
      description:
        "`same`, `different`: status, ports and output compared. `onlyBefore`, `onlyNow`: it had a part in one of the two only. `notRecorded`: it acts outside and the execution has no answer of it. `notComputed`: it depends on such a node.",
      example: "different",
    }),
    answeredBy: z.enum(["computed", "record", "none"]).meta({ description: "Whether it was computed anew, answered from the record, or not answered.", example: "computed" }),
    before: z.unknown().optional().meta({ description: "What is recorded: status, ports, output or error; absent where it is the same or there is none." }),
    now: z.unknown().optional().meta({ description: "What it would be now." }),
  })
  .meta({ id: "DryRerunNode", description: "What one node did, and what it would do now." });

export const dryRerunSchema = z
  .strictObject({
    id: idSchema("The dry rerun."),
    executionId: idSchema("The execution that it is compared with."),
    version: z.enum(["same", "latest", "draft"]).meta({ description: "The graph that was taken.", example: "draft" }),
    status: z.enum(["QUEUED", "RUNNING", "DONE", "FAILED"]).meta({ description: "DONE and FAILED are final.", example: "DONE" }),
    createdAt: instantSchema("When it was asked for."),
    completedAt: instantSchema("When it ended.").nullable(),
    error: z
      .strictObject({ code: z.string().meta({ description: "The stable code.", example: "NODE_TIMEOUT" }), message: z.string().meta({ description: "In words." }) })
      .nullable()
      .meta({ description: "Why the dry rerun itself failed." }),
    result: z
      .strictObject({
        status: z.enum(["SUCCESS", "FAILED", "INCOMPLETE"]).meta({ description: "How the execution would end; INCOMPLETE when nodes are notRecorded.", example: "SUCCESS" }),
        counts: z.record(z.string(), z.int()).meta({ description: "Nodes by outcome.", example: { same: 3, different: 1 } }),
        nodes: z.array(dryNodeSchema).meta({ description: "In plan order; the nodes of the execution that the graph no longer has come last." }),
        nodesOmitted: z.int().meta({ description: "Nodes that are not listed because there are too many; same ones first.", example: 0 }),
        output: jsonValueSchema("The output snapshot that it would have; null when it is too large to be shown."),
      })
      .nullable()
      .meta({ description: "Null until it is DONE." }),
  })
  .meta({ id: "DryRerun", description: "What a graph would make of a recorded execution now. Nothing acts outside, and no quota is used." });

export const rerunRoutes = {
  rerunExecution: defineRoute({
    operationId: "rerunExecution",
    method: "post",
    path: "/v1/executions/{executionId}/rerun",
    tag,
    summary: "Run an execution again",
    description:
      "Makes a new execution that names this one in `rerunOf`; this one stays as it is. It passes admission, quota and slots like any other. With Idempotency-Key, a repeat is answered with the first rerun, for ever.",
    scope: "executions:write",
    subject: "tenant",
    params,
    headers: idempotencyHeaders,
    body: z
      .strictObject({ ...rerunOptionsShape, input: inputSchema.optional() })
      .superRefine((body, context) => refineRerun(body, context))
      .meta({ id: "RerunExecution", description: "How to repeat the execution." }),
    responses: {
      200: { description: "The idempotency key was used before; this is the execution of then.", body: startedSchema, headers: { Location: "The path of the execution." } },
      202: { description: "The new execution is queued.", body: startedSchema, headers: { Location: "The path of the execution." } },
    },
    problems: ["NOT_FOUND", "PAYLOAD_TOO_LARGE", "WORKFLOW_NOT_PUBLISHED", "WORKFLOW_ARCHIVED", "STATE_CONFLICT", "IDEMPOTENCY_KEY_REUSED"],
  }),
  createDryRerun: defineRoute({
    operationId: "createDryRerun",
    method: "post",
    path: "/v1/executions/{executionId}/dry-rerun",
    tag,
    summary: "See what a graph would make of an execution",
    description:
      "Computes the nodes anew that act nowhere outside, and answers all others from the record of the execution. Nothing acts outside, nothing counts against a quota. Ask for the result at the path in Location.",
    scope: "executions:write",
    subject: "tenant",
    params,
    body: z
      .strictObject({
        version: z.enum(["same", "latest", "draft"]).default("same").meta({ description: "The graph to take.", example: "draft" }),
        input: inputSchema.optional(),
      })
      .meta({ id: "CreateDryRerun", description: "What to compare with." }),
    unaudited: "It is a question about an execution and changes nothing of it.",
    responses: { 202: { description: "It is queued.", body: dryRerunSchema, headers: { Location: "The path of the dry rerun." } } },
    problems: ["NOT_FOUND", "WORKFLOW_NOT_PUBLISHED", "STATE_CONFLICT", "GRAPH_INVALID"],
  }),
  getDryRerun: defineRoute({
    operationId: "getDryRerun",
    method: "get",
    path: "/v1/dry-reruns/{dryRerunId}",
    tag,
    summary: "Read a dry rerun",
    description: "Where it stands, and the differences once it is DONE.",
    scope: "executions:read",
    subject: "tenant",
    params: z.strictObject({ dryRerunId: idSchema("The dry rerun.") }),
    responses: { 200: { description: "The dry rerun.", body: dryRerunSchema } },
    problems: ["NOT_FOUND"],
  }),
} as const;

import { EXECUTION_STATUSES } from "@fluxo/core/status/execution-status";
import { nodeIdSchema } from "@fluxo/core/graph/graph";
import { z } from "zod";
import { idempotencyHeaders } from "./idempotency.ts";
import { defineRoute } from "./route.ts";
import { givenInstantSchema, idSchema, instantSchema, jsonValueSchema, pageOf, pageQueryShape } from "./scalars.ts";
import { timelineQuerySchema, timelineSchema } from "./timeline.ts";

const tag = "Executions";

export const executionStatusSchema = z.enum(EXECUTION_STATUSES).meta({ description: "Where it stands. SUCCESS, FAILED, BLOCKED and CANCELED are final.", example: "SUCCESS" });


const reasonSchema = z.string().meta({ description: "Of BLOCKED: the refusing rule. Of WAITING: what it waits for.", example: "QUOTA_EXCEEDED" });

const errorShape = {
  code: z.string().meta({ description: "The stable code.", example: "PROVIDER_REJECTED" }),
  message: z.string().meta({ description: "What happened, for people.", example: "The provider answered 404." }),
  nodeId: z.string().nullable().meta({ description: "The node that failed.", example: "send" }),
};

const executionShape = {
  id: idSchema("The execution's id."),
  tenantId: idSchema("The tenant."),
  workflowId: idSchema("The workflow."),
  version: z.strictObject({ id: idSchema("The version's id."), number: z.int().meta({ description: "From 1.", example: 2 }) }),
  trigger: z.strictObject({
    id: idSchema("The trigger."),
    nodeId: z.string().meta({ description: "The trigger node that fired.", example: "start" }),
    kind: z.string().meta({ description: "What it watches.", example: "webhook" }),
  }),
  status: executionStatusSchema,
  reason: reasonSchema.nullable(),
  queuedAt: instantSchema("When it was accepted."),
  startedAt: instantSchema("When it was first started.").nullable(),
  completedAt: instantSchema("When it ended.").nullable(),
  resumeAt: instantSchema("When a waiting execution goes on.").nullable(),
  durationMs: z.int().nullable().meta({ description: "From start to end.", example: 412 }),
  cancelRequestedAt: instantSchema("When a cancel was asked for.").nullable(),
  rerunOf: idSchema("The execution that this one repeats.").nullable(),
  parent: z
    .strictObject({
      executionId: idSchema("The execution."),
      nodeId: z.string().meta({ description: "Its node.", example: "call" }),
      item: z.int().meta({ description: "The item of the loop around the node; 0 outside of loops.", example: 0 }),
    })
    .nullable()
    .meta({ description: "What called this execution as a sub-workflow." }),
};

export const executionSummarySchema = z
  .strictObject({ ...executionShape, error: z.strictObject(errorShape).nullable().meta({ description: "Why it failed or was refused." }) })
  .meta({ id: "ExecutionSummary", description: "One run of one version, without its payloads." });

export const executionSchema = z
  .strictObject({
    ...executionShape,
    occurrenceKey: z.string().nullable().meta({ description: "What made its occurrence unique for its trigger.", example: "key:order-4711" }),
    inngestEventId: z.string().nullable().meta({ description: "The id of the last event sent for it.", example: "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b" }),
    error: z
      .strictObject({ ...errorShape, stack: z.string().nullable().meta({ description: "Where in the code it failed." }) })
      .nullable()
      .meta({ description: "Why it failed or was refused." }),
    input: jsonValueSchema("The payload that the trigger recorded."),
    output: jsonValueSchema("The output snapshot; null until it ends."),
    reruns: z
      .strictObject({
        count: z.int().meta({ description: "How many executions repeat this one.", example: 1 }),
        ids: z.array(idSchema("A rerun.")).meta({ description: "The newest of them, at most 20; the list of executions has all, by `rerunOf`." }),
      })
      .meta({ description: "The executions that repeat this one." }),
  })
  .meta({ id: "Execution", description: "One run of one version, with input, output and error." });

/** What narrows a list of executions: all that are given must hold. */
export const executionFilterShape = {
  status: z.array(executionStatusSchema).max(EXECUTION_STATUSES.length).optional().meta({ description: "Any of these; repeat the parameter for several.", example: ["FAILED", "BLOCKED"] }),
  workflowId: idSchema("Of this workflow.").optional(),
  triggerId: idSchema("Of this trigger.").optional(),
  reason: z.string().regex(/^[A-Z_]{1,64}$/).optional().meta({ description: "With this reason.", example: "QUOTA_EXCEEDED" }),
  errorCode: z.string().regex(/^[A-Z_]{1,64}$/).optional().meta({ description: "That ended with this code.", example: "PROVIDER_REJECTED" }),
  rerunOf: idSchema("Reruns of this execution.").optional(),
  from: givenInstantSchema("Accepted at this instant or later.").optional(),
  to: givenInstantSchema("Accepted before this instant.").optional(),
};

export const startedSchema = z
  .strictObject({
    executionId: idSchema("The execution."),
    duplicate: z.boolean().meta({ description: "Whether an earlier request with this idempotency key started it.", example: false }),
  })
  .meta({ id: "Started", description: "The execution that the request started, or had started before." });

const workflowParams = z.strictObject({ workflowId: idSchema("The workflow.") });
const params = z.strictObject({ executionId: idSchema("The execution.") });

export const executionRoutes = {
  startExecution: defineRoute({
    operationId: "startExecution",
    method: "post",
    path: "/v1/workflows/{workflowId}/executions",
    tag,
    summary: "Start an execution by hand",
    description:
      "The workflow needs a published trigger.manual node; the input is its output. With Idempotency-Key, a repeat of the request is answered with the first execution, for ever; the same key with another body is refused.",
    scope: "executions:write",
    subject: "tenant",
    params: workflowParams,
    headers: idempotencyHeaders,
    body: z
      .strictObject({
        input: z.record(z.string(), z.json()).default({}).meta({ description: "The trigger payload.", example: { customer: "Ada" } }),
        nodeId: nodeIdSchema.optional().meta({ description: "Which manual trigger, where the workflow has several.", example: "start" }),
      })
      .meta({ id: "StartExecution", description: "What the execution starts with." }),
    unaudited: "The execution is the record.",
    responses: {
      200: { description: "The idempotency key was used before; this is the execution of then.", body: startedSchema, headers: { Location: "The path of the execution." } },
      202: { description: "The execution is queued.", body: startedSchema, headers: { Location: "The path of the execution." } },
    },
    problems: ["NOT_FOUND", "WORKFLOW_NOT_PUBLISHED", "WORKFLOW_ARCHIVED", "STATE_CONFLICT", "PAYLOAD_TOO_LARGE", "IDEMPOTENCY_KEY_REUSED"],
  }),
  listExecutions: defineRoute({
    operationId: "listExecutions",
    method: "get",
    path: "/v1/executions",
    tag,
    summary: "List executions",
    description: "Newest first. All filters given must hold. An agency that names no tenant gets those of all its tenants.",
    scope: "executions:read",
    subject: "tenants",
    query: z.strictObject({
      ...pageQueryShape,
      ...executionFilterShape,
    }),
    responses: { 200: { description: "One page of executions.", body: pageOf(executionSummarySchema) } },
    problems: [],
  }),
  getExecution: defineRoute({
    operationId: "getExecution",
    method: "get",
    path: "/v1/executions/{executionId}",
    tag,
    summary: "Read an execution",
    description: "The record with input, output and error.",
    scope: "executions:read",
    subject: "tenant",
    params,
    responses: { 200: { description: "The execution.", body: executionSchema } },
    problems: ["NOT_FOUND"],
  }),
  getTimeline: defineRoute({
    operationId: "getTimeline",
    method: "get",
    path: "/v1/executions/{executionId}/timeline",
    tag,
    summary: "Read the timeline of an execution",
    description:
      "What happened, from recorded data: events, the journal in plan order with every attempt, and its failures. A journal of more than 1,000 entries comes in pages, each with the failures of its entries; every page has all events.",
    scope: "executions:read",
    subject: "tenant",
    params,
    query: timelineQuerySchema,
    responses: { 200: { description: "The timeline.", body: timelineSchema } },
    problems: ["NOT_FOUND"],
  }),
  cancelExecution: defineRoute({
    operationId: "cancelExecution",
    method: "post",
    path: "/v1/executions/{executionId}/cancel",
    tag,
    summary: "Cancel an execution",
    description:
      "A queued or waiting execution ends at once. A running one is asked to end: its worker hears of it within seconds and stops what it does; if the worker is dead, the one that takes the execution over ends it. Follow it at the path in Location: until it ends, it may still succeed or fail instead. A repeat is answered the same way. One that ended otherwise is refused with the status that it has.",
    scope: "executions:write",
    subject: "tenant",
    params,
    responses: {
      200: { description: "It is canceled.", body: z.strictObject({ status: z.literal("CANCELED") }).meta({ id: "Canceled", description: "The execution ended." }) },
      202: {
        description: "It is running and was asked to end.",
        headers: { Location: "The path of the execution." },
        body: z.strictObject({ status: z.literal("RUNNING"), cancelRequested: z.literal(true) }).meta({ id: "CancelRequested", description: "The execution was asked to end." }),
      },
    },
    problems: ["NOT_FOUND", "STATE_CONFLICT"],
  }),
} as const;

import { BULK_STATUSES } from "@fluxo/core/status/bulk-status";
import { z } from "zod";
import { executionFilterShape } from "./executions.ts";
import { idempotencyHeaders } from "./idempotency.ts";
import { refineRerun, rerunOptionsShape } from "./reruns.ts";
import { defineRoute } from "./route.ts";
import { idSchema, instantSchema, isParkedSchema, nameSchema, pageOf, pageQueryShape } from "./scalars.ts";

const tag = "Bulk operations";

const IDS_MAX = 1_000;

const kindSchema = z.enum(["rerun", "cancel"]).meta({ description: "What is done to each execution.", example: "rerun" });
const statusSchema = z.enum(BULK_STATUSES).meta({ description: "ABORTED and DONE are final.", example: "RUNNING" });
const filterSchema = z
  .strictObject(executionFilterShape)
  .refine((filter) => Object.values(filter).some((value) => value !== undefined), "must hold at least one condition")
  .meta({ description: "Executions for which all of this holds, as in their list. A cancel takes those that have not ended, a rerun those that have.", example: { status: ["FAILED"], workflowId: "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b" } });
const executionIdsSchema = z.array(idSchema("An execution.")).min(1).max(IDS_MAX).meta({ description: "These executions, instead of a filter." });
const optionsSchema = z.strictObject(rerunOptionsShape).meta({ description: "How each execution is repeated; of a rerun only." });
const countSchema = (description: string, example: number) => z.int().meta({ description, example });

export const bulkOperationSchema = z
  .strictObject({
    id: idSchema("The bulk operation's id."),
    kind: kindSchema,
    name: z.string().meta({ description: "Its name.", example: "After the outage of Monday" }),
    filter: z.record(z.string(), z.unknown()).nullable().meta({ description: "The filter that chose the executions; null when ids did." }),
    options: z.record(z.string(), z.unknown()).nullable().meta({ description: "How each execution is repeated; null for a cancel." }),
    pacePerMinute: countSchema("Executions that it changes in a minute at most.", 60),
    status: statusSchema,
    isParked: isParkedSchema,
    matched: countSchema("How many executions it is about.", 120),
    done: countSchema("Changed.", 80),
    failed: countSchema("Could not be changed because Fluxo failed.", 0),
    skipped: countSchema("Left alone, for the reasons in `reasons`.", 3),
    createdBy: idSchema("The API key that asked for it."),
    createdAt: instantSchema("When it was asked for; later executions have no part in it."),
    completedAt: instantSchema("When it ended.").nullable(),
  })
  .meta({ id: "BulkOperation", description: "A named change of many executions, worked in the background." });

const bulkOperationDetailSchema = bulkOperationSchema
  .extend({
    reasons: z.record(z.string(), z.int()).meta({ description: "What was skipped or failed, by code.", example: { STATE_CONFLICT: 3 } }),
    firstErrors: z
      .array(
        z.strictObject({
          executionId: idSchema("The execution."),
          status: z.enum(["FAILED", "SKIPPED"]).meta({ description: "What became of it.", example: "SKIPPED" }),
          code: z.string().meta({ description: "The stable code.", example: "STATE_CONFLICT" }),
          message: z.string().meta({ description: "In words." }),
        }),
      )
      .meta({ description: "The first 20 of them." }),
  })
  .meta({ id: "BulkOperationDetail", description: "A bulk operation with its progress." });

const params = z.strictObject({ bulkOperationId: idSchema("The bulk operation.") });
const changed = { 200: { description: "The bulk operation.", body: bulkOperationSchema } } as const;

const createBodySchema = z
  .strictObject({
    kind: kindSchema,
    name: nameSchema("What people call it.", "After the outage of Monday"),
    filter: filterSchema.optional(),
    executionIds: executionIdsSchema.optional(),
    options: optionsSchema.optional(),
    pacePerMinute: z.int().min(1).max(6_000).default(60).meta({ description: "Executions to change in a minute at most.", example: 60 }),
    dryRun: z.boolean().default(false).meta({ description: "Answers how many executions it would be about, and does nothing.", example: false }),
  })
  .superRefine((body, context) => {
    if ((body.filter === undefined) === (body.executionIds === undefined)) context.addIssue({ code: "custom", path: ["filter"], message: "must be given, or executionIds, but not both" });
    if (body.kind === "cancel" && body.options !== undefined) context.addIssue({ code: "custom", path: ["options"], message: "must be absent: a cancel has no options" });
    if (body.kind === "rerun" && body.options === undefined) context.addIssue({ code: "custom", path: ["options"], message: "must say how the executions are repeated" });
    if (body.options !== undefined) refineRerun(body.options, context, ["options"]);
  })
  .meta({ id: "CreateBulkOperation", description: "What to do to which executions." });

export const bulkOperationRoutes = {
  createBulkOperation: defineRoute({
    operationId: "createBulkOperation",
    method: "post",
    path: "/v1/bulk-operations",
    tag,
    summary: "Rerun or cancel many executions",
    description:
      "Fixes the set of executions now, 100,000 at most, and works on it in the background at the pace given, oldest first. Each execution is changed once, whatever crashes. With Idempotency-Key, a repeat is answered with the first operation.",
    scope: "executions:write",
    subject: "tenant",
    headers: idempotencyHeaders,
    body: createBodySchema,
    responses: {
      200: {
        description: "The count that was asked for with `dryRun`.",
        body: z.strictObject({ matched: countSchema("How many executions it would be about.", 120) }).meta({ id: "BulkPreview", description: "What a bulk operation would be about." }),
      },
      202: { description: "It works, or it did before under this idempotency key.", body: bulkOperationSchema, headers: { Location: "The path of the bulk operation." } },
    },
    problems: ["BULK_TOO_LARGE", "IDEMPOTENCY_KEY_REUSED"],
  }),
  listBulkOperations: defineRoute({
    operationId: "listBulkOperations",
    method: "get",
    path: "/v1/bulk-operations",
    tag,
    summary: "List bulk operations",
    description: "Newest first.",
    scope: "executions:read",
    subject: "tenant",
    query: z.strictObject({ ...pageQueryShape, status: z.array(statusSchema).max(BULK_STATUSES.length).optional().meta({ description: "Any of these; repeat the parameter for several.", example: ["RUNNING"] }) }),
    responses: { 200: { description: "One page of bulk operations.", body: pageOf(bulkOperationSchema) } },
    problems: [],
  }),
  getBulkOperation: defineRoute({
    operationId: "getBulkOperation",
    method: "get",
    path: "/v1/bulk-operations/{bulkOperationId}",
    tag,
    summary: "Read a bulk operation",
    description: "Its progress, with the reasons why executions were left alone.",
    scope: "executions:read",
    subject: "tenant",
    params,
    responses: { 200: { description: "The bulk operation.", body: bulkOperationDetailSchema } },
    problems: ["NOT_FOUND"],
  }),
  abortBulkOperation: defineRoute({
    operationId: "abortBulkOperation",
    method: "post",
    path: "/v1/bulk-operations/{bulkOperationId}/abort",
    tag,
    summary: "Abort a bulk operation",
    description: "It changes no further execution; what it changed stays so. One that is DONE is refused.",
    scope: "executions:write",
    subject: "tenant",
    params,
    responses: changed,
    problems: ["NOT_FOUND", "STATE_CONFLICT"],
  }),
  pauseBulkOperation: defineRoute({
    operationId: "pauseBulkOperation",
    method: "post",
    path: "/v1/bulk-operations/{bulkOperationId}/pause",
    tag,
    summary: "Pause a bulk operation",
    description: "It changes no further execution until it is resumed.",
    scope: "executions:write",
    subject: "tenant",
    params,
    responses: changed,
    problems: ["NOT_FOUND", "STATE_CONFLICT"],
  }),
  resumeBulkOperation: defineRoute({
    operationId: "resumeBulkOperation",
    method: "post",
    path: "/v1/bulk-operations/{bulkOperationId}/resume",
    tag,
    summary: "Resume a paused bulk operation",
    description: "It goes on where it was.",
    scope: "executions:write",
    subject: "tenant",
    params,
    responses: changed,
    problems: ["NOT_FOUND", "STATE_CONFLICT"],
  }),
} as const;

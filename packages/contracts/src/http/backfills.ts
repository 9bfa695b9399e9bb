import { z } from "zod";
import { defineRoute } from "./route.ts";
import { givenInstantSchema, idSchema, instantSchema, isParkedSchema, pageOf, pageQueryShape } from "./scalars.ts";

const tag = "Triggers";
const countSchema = (description: string, example: number) => z.int().meta({ description, example });

export const backfillSchema = z
  .strictObject({
    id: idSchema("The backfill's id."),
    triggerId: idSchema("The schedule."),
    from: instantSchema("The first instant of the range."),
    to: instantSchema("The end of the range, not included."),
    nextFrom: instantSchema("Instants before it are done; `to` when all are."),
    pacePerMinute: countSchema("Executions that it starts in a minute at most.", 60),
    status: z.enum(["RUNNING", "ABORTED", "DONE"]).meta({ description: "ABORTED and DONE are final.", example: "RUNNING" }),
    isParked: isParkedSchema,
    abortReason: z.enum(["REQUESTED", "TRIGGER_OFF"]).nullable().meta({ description: "REQUESTED: somebody aborted it; TRIGGER_OFF: the trigger takes nothing any more.", example: null }),
    started: countSchema("Executions that it made.", 24),
    duplicate: countSchema("Instants that an earlier backfill started.", 0),
    skipped: countSchema("Instants that had an execution, or are yet to be decided.", 3),
    createdAt: instantSchema("When it was asked for."),
    completedAt: instantSchema("When it ended.").nullable(),
  })
  .meta({ id: "Backfill", description: "Past instants of a schedule that get executions after all, with its progress." });

const params = z.strictObject({ triggerId: idSchema("The trigger.") });
const backfillParams = params.extend({ backfillId: idSchema("The backfill.") });

export const backfillRoutes = {
  backfillTrigger: defineRoute({
    operationId: "backfillTrigger",
    method: "post",
    path: "/v1/triggers/{triggerId}/backfill",
    tag,
    summary: "Start the instants of a range",
    description:
      "Every past instant of the schedule in the range that has no execution gets one, once for ever. They are queued in the background at the pace given, the oldest first, and not while 50 executions of the tenant wait to start. Overlap and misfire policies do not apply.",
    scope: "executions:write",
    subject: "tenant",
    params,
    body: z
      .strictObject({
        from: givenInstantSchema("The first instant."),
        to: givenInstantSchema("Instants before this one; it must not be in the future."),
        pacePerMinute: z.int().min(1).max(6_000).default(60).meta({ description: "Executions to start in a minute at most.", example: 60 }),
      })
      .meta({ id: "BackfillRange", description: "The range, and the pace." }),
    responses: { 202: { description: "It works in the background.", body: backfillSchema, headers: { Location: "The path of the backfill." } } },
    problems: ["NOT_FOUND", "STATE_CONFLICT", "WORKFLOW_ARCHIVED"],
  }),
  listBackfills: defineRoute({
    operationId: "listBackfills",
    method: "get",
    path: "/v1/triggers/{triggerId}/backfills",
    tag,
    summary: "List the backfills of a trigger",
    description: "Newest first.",
    scope: "executions:read",
    subject: "tenant",
    params,
    query: z.strictObject(pageQueryShape),
    responses: { 200: { description: "One page of backfills.", body: pageOf(backfillSchema) } },
    problems: ["NOT_FOUND"],
  }),
  getBackfill: defineRoute({
    operationId: "getBackfill",
    method: "get",
    path: "/v1/triggers/{triggerId}/backfills/{backfillId}",
    tag,
    summary: "Read a backfill",
    description: "Its progress.",
    scope: "executions:read",
    subject: "tenant",
    params: backfillParams,
    responses: { 200: { description: "The backfill.", body: backfillSchema } },
    problems: ["NOT_FOUND"],
  }),
  abortBackfill: defineRoute({
    operationId: "abortBackfill",
    method: "post",
    path: "/v1/triggers/{triggerId}/backfills/{backfillId}/abort",
    tag,
    summary: "Abort a backfill",
    description: "It starts nothing more; what it started goes on. A repeat changes nothing; one that is DONE is refused.",
    scope: "executions:write",
    subject: "tenant",
    params: backfillParams,
    responses: { 200: { description: "The backfill.", body: backfillSchema } },
    problems: ["NOT_FOUND", "STATE_CONFLICT"],
  }),
} as const;

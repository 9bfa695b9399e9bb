import { z } from "zod";
import { idempotencyHeaders } from "./idempotency.ts";
import { defineRoute } from "./route.ts";
import { flagSchema, givenInstantSchema, idSchema, instantSchema, pageOf, pageQueryShape } from "./scalars.ts";
import { triggerSchema } from "./triggers.ts";

const tag = "Triggers";
const healthSchema = z
  .enum(["off", "paused", "failing", "silent", "ok"])
  .meta({ description: "off: not in the published version; failing: its last poll failed; silent: nothing came for much longer than usual. The gravest that holds.", example: "ok" });

const stateSchema = z
  .strictObject({
    armedAt: instantSchema("Since when it watches without a break.").nullable(),
    nextDueAt: instantSchema("When it is looked at next; null while it is off or paused, or when nothing is to come.").nullable(),
    isPaused: z.boolean().meta({ description: "Whether it was paused.", example: false }),
    lagMs: z.int().meta({ description: "Milliseconds that it has been due without being looked at.", example: 0 }),
    failures: z.int().meta({ description: "Polls in a row that failed.", example: 0 }),
    lastError: z
      .strictObject({
        code: z.string().meta({ description: "The stable code.", example: "CONNECTION_FAILED" }),
        message: z.string().meta({ description: "What happened, for people.", example: "The host did not answer." }),
        at: instantSchema("When.").nullable(),
      })
      .nullable()
      .meta({ description: "Why the last poll failed; null after one that did not." }),
    connectedAt: instantSchema("When the source answered last.").nullable(),
    checkedAt: instantSchema("When it was looked at last.").nullable(),
    itemSeenAt: instantSchema("When something new was seen last.").nullable(),
    executionAt: instantSchema("When an execution was made last.").nullable(),
    learnedIntervalMs: z.int().nullable().meta({ description: "The usual time between two new items, in milliseconds, as learned.", example: 3_600_000 }),
    silentSince: instantSchema("When it was noticed that nothing comes: for an hour at least, and five times the usual interval.").nullable(),
  })
  .meta({ id: "TriggerState", description: "What dispatchers know of a trigger: four clocks, the next look, the last error." });

const watchedTriggerSchema = triggerSchema
  .extend({ health: healthSchema, state: stateSchema.nullable().meta({ description: "Null for a trigger that watches no source." }) })
  .meta({ id: "WatchedTrigger", description: "A trigger with its state." });

const clockChangeSchema = z.enum(["shifted", "first", "second"]).meta({ description: "shifted: the clock jumps over its local time; first, second: the clock shows its local time twice.", example: "shifted" });
const localSchema = (description: string) => z.string().meta({ description, example: "2026-03-29T02:00:00.000" });

const previewSchema = z
  .strictObject({
    timeZone: z.string().meta({ description: "The zone of the local times.", example: "Europe/Berlin" }),
    instants: z
      .array(
        z.strictObject({
          at: instantSchema("The instant."),
          localTime: z.string().meta({ description: "The same on the wall clock.", example: "2026-11-23T09:00:00.000+01:00" }),
          clockChange: clockChangeSchema.optional(),
        }),
      )
      .meta({ description: "What is to come, in order; fewer than asked for when the schedule ends." }),
    clockChanges: z
      .array(z.strictObject({ at: instantSchema("The first instant after the change."), fromLocal: localSchema("What the wall clock would have shown."), toLocal: localSchema("What it shows.") }))
      .meta({ description: "Changes of the wall clock on the way." }),
  })
  .meta({ id: "SchedulePreview", description: "The next instants of a schedule. Jitter and overlap are not part of it." });

const countSchema = z.coerce.number().int().min(1).max(500).default(10).meta({ description: "How many instants.", example: 10 });
const afterSchema = givenInstantSchema("Instants after this one; absent: after now.").optional();

const pollSchema = z
  .strictObject({
    id: idSchema("The poll's id."),
    polledAt: instantSchema("When it was committed."),
    durationMs: z.int().meta({ description: "How long it took.", example: 120 }),
    seen: z.int().meta({ description: "Items seen: always the sum of the next four.", example: 5 }),
    accepted: z.int().meta({ description: "New ones that became executions.", example: 2 }),
    duplicate: z.int().meta({ description: "Ones seen before.", example: 3 }),
    filtered: z.int().meta({ description: "New ones that a rule left out.", example: 0 }),
    parked: z.int().meta({ description: "New ones that could not be read.", example: 0 }),
    errorCode: z.string().nullable().meta({ description: "Why the poll failed.", example: null }),
  })
  .meta({ id: "Poll", description: "An entry of the ledger." });

const parkedSchema = z
  .strictObject({
    key: z.string().meta({ description: "Its occurrence key.", example: "uid:42" }),
    code: z.string().meta({ description: "The stable code.", example: "DATA_UNREADABLE" }),
    message: z.string().meta({ description: "Why it cannot become an execution.", example: "The mail has no end." }),
    reference: z.string().meta({ description: "Where it is in its source.", example: "uid 42 of INBOX" }),
    rawBytes: z.int().meta({ description: "Bytes of its beginning that are kept.", example: 2_048 }),
    parkedAt: instantSchema("When it was seen."),
    dismissedAt: instantSchema("When somebody dismissed it.").nullable(),
  })
  .meta({ id: "ParkedItem", description: "An item that cannot become an execution; its source goes on without it." });

const runSchema = z
  .strictObject({
    executionId: idSchema("The execution; null for a source that is looked at instead.").nullable(),
    duplicate: z.boolean().meta({ description: "Whether an earlier request with this idempotency key started it.", example: false }),
    nextDueAt: instantSchema("When the source is looked at: now, or as soon as the plan allows. Null for a schedule.").nullable(),
  })
  .meta({ id: "TriggeredNow", description: "What was started." });

const params = z.strictObject({ triggerId: idSchema("The trigger.") });
const timeQuery = { from: givenInstantSchema("At this instant or later.").optional(), to: givenInstantSchema("Before this instant.").optional() };

export const triggerStateRoutes = {
  listTenantTriggers: defineRoute({
    operationId: "listTenantTriggers",
    method: "get",
    path: "/v1/triggers",
    tag,
    summary: "List all triggers",
    description: "Newest first, over all workflows, with health and state. An agency that names no tenant gets those of all its tenants.",
    scope: "workflows:read",
    subject: "tenants",
    query: z.strictObject({
      ...pageQueryShape,
      kind: z.string().regex(/^[a-z0-9-]{1,64}$/).optional().meta({ description: "Of this kind.", example: "schedule" }),
      workflowId: idSchema("Of this workflow.").optional(),
      health: healthSchema.optional(),
    }),
    responses: { 200: { description: "One page of triggers.", body: pageOf(watchedTriggerSchema) } },
    problems: [],
  }),
  getTrigger: defineRoute({
    operationId: "getTrigger",
    method: "get",
    path: "/v1/triggers/{triggerId}",
    tag,
    summary: "Read a trigger",
    description: "With health and state.",
    scope: "workflows:read",
    subject: "tenant",
    params,
    responses: { 200: { description: "The trigger.", body: watchedTriggerSchema } },
    problems: ["NOT_FOUND"],
  }),
  pauseTrigger: defineRoute({
    operationId: "pauseTrigger",
    method: "post",
    path: "/v1/triggers/{triggerId}/pause",
    tag,
    summary: "Pause a trigger",
    description: "Its source is not looked at until it is resumed. A look that is under way may still end. A repeat changes nothing.",
    scope: "workflows:write",
    subject: "tenant",
    params,
    responses: { 200: { description: "The trigger is paused.", body: watchedTriggerSchema } },
    problems: ["NOT_FOUND", "STATE_CONFLICT"],
  }),
  resumeTrigger: defineRoute({
    operationId: "resumeTrigger",
    method: "post",
    path: "/v1/triggers/{triggerId}/resume",
    tag,
    summary: "Resume a trigger",
    description: "A schedule goes on from now: the instants of the pause are nobody's miss (backfill starts them). Other sources go on from their cursor. A repeat changes nothing.",
    scope: "workflows:write",
    subject: "tenant",
    params,
    responses: { 200: { description: "The trigger watches again.", body: watchedTriggerSchema } },
    problems: ["NOT_FOUND", "STATE_CONFLICT"],
  }),
  runTriggerNow: defineRoute({
    operationId: "runTriggerNow",
    method: "post",
    path: "/v1/triggers/{triggerId}/run-now",
    tag,
    summary: "Trigger now",
    description:
      "Starts an execution of a schedule beside its instants; with Idempotency-Key, a repeat is answered with the first execution, for ever. Nothing starts while 50 executions of the tenant wait to start (`RATE_LIMITED`). A polled source is looked at as soon as the plan's shortest interval allows.",
    scope: "executions:write",
    subject: "tenant",
    params,
    headers: idempotencyHeaders,
    responses: {
      200: { description: "The idempotency key was used before; this is the execution of then.", body: runSchema },
      202: { description: "The execution is queued, or the source is looked at.", body: runSchema },
    },
    problems: ["NOT_FOUND", "STATE_CONFLICT", "WORKFLOW_ARCHIVED", "RATE_LIMITED"],
  }),
  previewTrigger: defineRoute({
    operationId: "previewTrigger",
    method: "get",
    path: "/v1/triggers/{triggerId}/preview",
    tag,
    summary: "Preview a schedule",
    description: "Its next instants with their local times, across changes of the clock.",
    scope: "workflows:read",
    subject: "tenant",
    params,
    query: z.strictObject({ count: countSchema, after: afterSchema }),
    responses: { 200: { description: "The instants.", body: previewSchema } },
    problems: ["NOT_FOUND", "STATE_CONFLICT"],
  }),
  previewSchedule: defineRoute({
    operationId: "previewSchedule",
    method: "post",
    path: "/v1/schedules/preview",
    tag,
    summary: "Preview parameters of a schedule",
    description: "The next instants of parameters that are not saved yet.",
    scope: "workflows:read",
    subject: "caller",
    body: z
      .strictObject({
        params: z.record(z.string(), z.json()).meta({ description: "Parameters of a trigger.schedule node.", example: { when: { kind: "cron", expression: "0 9 * * *", timeZone: "Europe/Berlin" } } }),
        count: countSchema,
        after: afterSchema,
      })
      .meta({ id: "PreviewSchedule", description: "The schedule." }),
    repeatable: "It changes nothing.",
    unaudited: "It changes nothing.",
    responses: { 200: { description: "The instants.", body: previewSchema } },
    problems: [],
  }),
  listPolls: defineRoute({
    operationId: "listPolls",
    method: "get",
    path: "/v1/triggers/{triggerId}/polls",
    tag,
    summary: "List the polls of a trigger",
    description: "The ledger, latest first. Schedules have none: their occurrences are their ledger.",
    scope: "workflows:read",
    subject: "tenant",
    params,
    query: z.strictObject({ ...pageQueryShape, ...timeQuery }),
    responses: { 200: { description: "One page of polls.", body: pageOf(pollSchema) } },
    problems: ["NOT_FOUND"],
  }),
  listParkedItems: defineRoute({
    operationId: "listParkedItems",
    method: "get",
    path: "/v1/triggers/{triggerId}/parked",
    tag,
    summary: "List the parked items of a trigger",
    description: "By key.",
    scope: "workflows:read",
    subject: "tenant",
    params,
    query: z.strictObject({ ...pageQueryShape, dismissed: flagSchema("Those that were dismissed instead of those that were not.").default(false) }),
    responses: { 200: { description: "One page of parked items.", body: pageOf(parkedSchema) } },
    problems: ["NOT_FOUND"],
  }),
  dismissParkedItem: defineRoute({
    operationId: "dismissParkedItem",
    method: "post",
    path: "/v1/triggers/{triggerId}/parked/{key}/dismiss",
    tag,
    summary: "Dismiss a parked item",
    description: "Takes it off the list. Its occurrence stays. A repeat changes nothing.",
    scope: "workflows:write",
    subject: "tenant",
    params: params.extend({ key: z.string().min(1).max(1_000).meta({ description: "The occurrence key.", example: "uid:42" }) }),
    responses: { 204: { description: "It is dismissed." } },
    problems: ["NOT_FOUND"],
  }),
} as const;

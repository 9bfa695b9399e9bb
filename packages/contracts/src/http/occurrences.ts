import { MISSING_REASONS } from "@fluxo/core/schedule/why";
import { z } from "zod";
import { executionStatusSchema } from "./executions.ts";
import { defineRoute } from "./route.ts";
import { givenInstantSchema, idSchema, instantSchema, pageOf, pageQueryShape } from "./scalars.ts";

const tag = "Triggers";

const executionSchema = z
  .strictObject({
    id: idSchema("The execution."),
    status: executionStatusSchema,
    reason: z.string().nullable().meta({ description: "Of BLOCKED: the refusing rule. Of WAITING: what it waits for.", example: null }),
  })
  .nullable()
  .meta({ description: "The execution as it is now; null when there is none (any more)." });

const reasons = "ACCEPTED, or why there is no execution: FILTERED, PAYLOAD_TOO_LARGE, PARKED, MISFIRE_SKIPPED, CATCH_UP_SKIPPED, OVERLAP_SKIPPED, SKIPPED_BY_CALENDAR";
const detailSchema = z.string().nullable().meta({ description: "The same in words.", example: null });

const occurrenceSchema = z
  .strictObject({
    key: z.string().meta({ description: "Unique for the trigger, for ever.", example: "2026-11-23T08:00:00.000Z" }),
    occurredAt: instantSchema("The due instant, or the item's own time."),
    recordedAt: instantSchema("When it was decided."),
    reason: z.string().meta({ description: `${reasons}.`, example: "ACCEPTED" }),
    detail: detailSchema,
    execution: executionSchema,
  })
  .meta({ id: "Occurrence", description: "One due instant or one seen item, with what became of it." });

const explanationSchema = z
  .strictObject({
    triggerId: idSchema("The trigger."),
    kind: z.string().meta({ description: "What it watches.", example: "schedule" }),
    from: instantSchema("The first instant."),
    to: instantSchema("The end of the range, not included."),
    entries: z
      .array(
        z.strictObject({
          at: instantSchema("The due instant, or the item's own time."),
          key: z.string().nullable().meta({ description: "Its occurrence key; null for an instant without occurrence.", example: "2026-11-23T08:00:00.000Z" }),
          reason: z.string().meta({ description: `${reasons}; of an instant without occurrence ${MISSING_REASONS.join(", ")}.`, example: "PAUSED" }),
          detail: detailSchema,
          execution: executionSchema,
        }),
      )
      .meta({ description: "Of a schedule every due instant, of other kinds every seen item, in order." }),
    nextFrom: instantSchema("Where the next request has to go on: there was more than one answer holds.").nullable(),
    periods: z
      .array(z.strictObject({ from: instantSchema("Since."), to: instantSchema("Until; null for until now.").nullable(), offReason: z.string().nullable().meta({ description: "Why it was off; null: it was on.", example: null }) }))
      .meta({ description: "When it was on and off." }),
    polls: z
      .strictObject({
        polls: z.int().meta({ description: "How often it was looked at.", example: 60 }),
        failed: z.int().meta({ description: "How often that failed.", example: 0 }),
        seen: z.int().meta({ description: "Items seen: always the sum of the next four.", example: 5 }),
        accepted: z.int().meta({ description: "New ones that became executions.", example: 2 }),
        duplicate: z.int().meta({ description: "Ones seen before.", example: 3 }),
        filtered: z.int().meta({ description: "New ones that a rule left out.", example: 0 }),
        parked: z.int().meta({ description: "New ones that could not be read.", example: 0 }),
      })
      .nullable()
      .meta({ description: "What the polls of the range came to; null for a kind that is not polled." }),
  })
  .meta({ id: "Explanation", description: "Why a trigger did, or did not, start executions." });

const params = z.strictObject({ triggerId: idSchema("The trigger.") });

export const occurrenceRoutes = {
  listOccurrences: defineRoute({
    operationId: "listOccurrences",
    method: "get",
    path: "/v1/triggers/{triggerId}/occurrences",
    tag,
    summary: "List the occurrences of a trigger",
    description: "Latest first. All filters given must hold.",
    scope: "workflows:read",
    subject: "tenant",
    params,
    query: z.strictObject({
      ...pageQueryShape,
      from: givenInstantSchema("At this instant or later.").optional(),
      to: givenInstantSchema("Before this instant.").optional(),
      reason: z.string().regex(/^[A-Z_]{1,64}$/).optional().meta({ description: "With this reason.", example: "OVERLAP_SKIPPED" }),
    }),
    responses: { 200: { description: "One page of occurrences.", body: pageOf(occurrenceSchema) } },
    problems: ["NOT_FOUND"],
  }),
  explainTrigger: defineRoute({
    operationId: "explainTrigger",
    method: "get",
    path: "/v1/triggers/{triggerId}/explain",
    tag,
    summary: "Why didn't it run?",
    description: "Answers for every due instant and every seen item of a range with one reason. Instants without occurrence are those of the schedule as it is now, judged by when the trigger was on and off.",
    scope: "workflows:read",
    subject: "tenant",
    params,
    query: z.strictObject({
      from: givenInstantSchema("The first instant; absent: a day before the end.").optional(),
      to: givenInstantSchema("The end, not included; absent: now.").optional(),
    }),
    responses: { 200: { description: "The reasons.", body: explanationSchema } },
    problems: ["NOT_FOUND"],
  }),
} as const;

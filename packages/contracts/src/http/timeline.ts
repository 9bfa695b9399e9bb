import { ERROR_CLASSES } from "@fluxo/core/errors/node-error";
import { EXECUTION_STATUSES, NODE_STATUSES } from "@fluxo/core/status/execution-status";
import { z } from "zod";
import { flagSchema, idSchema, instantSchema, jsonValueSchema, pageQueryShape } from "./scalars.ts";

/** Most entries of one page of a journal: all of it but for large loops. */
export const JOURNAL_PAGE_MAX = 1_000;

/** Which part of the journal a timeline has. */
export const timelineQuerySchema = z.strictObject({
  includeOutputs: flagSchema("Whether the outputs of nodes are part of the answer.").default(true),
  nodeId: z.string().min(1).max(200).optional().meta({ description: "Only this node.", example: "send" }),
  item: z.coerce.number().int().min(0).max(2_147_483_647).optional().meta({ description: "Only this item of loops; nodes outside of loops have the item 0.", example: 17 }),
  limit: z.coerce.number().int().min(1).max(JOURNAL_PAGE_MAX).default(JOURNAL_PAGE_MAX).meta({ description: "Most journal entries of one page.", example: 100 }),
  pageToken: pageQueryShape.pageToken.meta({ description: "`nextJournalPageToken` of the page before; absent for the first page. Opaque.", example: "WzEsOTk5LCJzZW5kIl0" }),
});

export const nodeFailureSchema = z
  .strictObject({
    nodeId: z.string().meta({ description: "The node that failed.", example: "send" }),
    name: z.string().meta({ description: "Its name, or its id.", example: "Send the mail" }),
    type: z.string().meta({ description: "Its type.", example: "http.request" }),
    integration: z.string().nullable().meta({ description: "The outside system it talks to.", example: "http" }),
    message: z.string().meta({ description: "What happened, without secrets.", example: "The provider answered 503." }),
    errorClass: z.enum(ERROR_CLASSES).meta({ description: "What kind of failure, and so whether it is tried again.", example: "SERVER" }),
    code: z.string().meta({ description: "The stable code.", example: "PROVIDER_FAILED" }),
    stack: z.string().optional().meta({ description: "Where in the code it failed." }),
    occurredAt: instantSchema("When it failed."),
    attempt: z.int().meta({ description: "The attempt that failed, from 1.", example: 1 }),
  })
  .meta({ id: "NodeFailure", description: "How one attempt of a node failed." });

const journalEntrySchema = z
  .strictObject({
    nodeId: z.string().meta({ description: "The node.", example: "send" }),
    name: z.string().meta({ description: "Its name, or its id.", example: "Send the mail" }),
    type: z.string().meta({ description: "Its type.", example: "http.request" }),
    integration: z.string().nullable().meta({ description: "The outside system it talks to.", example: "http" }),
    item: z.int().meta({ description: "Which item of a loop; 0 outside of loops.", example: 0 }),
    position: z.int().meta({ description: "Its place in the plan.", example: 1 }),
    status: z.enum(NODE_STATUSES).meta({ description: "Where the node stands.", example: "SUCCESS" }),
    reason: z.string().nullable().meta({ description: "What a waiting node waits for.", example: "DELAY" }),
    attempt: z.int().meta({ description: "The last attempt, from 1; 0 for a node that was never tried.", example: 1 }),
    ports: z.array(z.string()).meta({ description: "The output ports taken.", example: ["main"] }),
    usage: z
      .strictObject({
        model: z.string().optional().meta({ description: "The model; absent, like the next three, when none was asked.", example: "claude-haiku-4-5" }),
        inputTokens: z.int().optional().meta({ description: "Tokens read.", example: 812 }),
        outputTokens: z.int().optional().meta({ description: "Tokens written.", example: 96 }),
        costMicros: z.int().nullable().optional().meta({ description: "Millionths of a US dollar; null when the price is not known.", example: 1292 }),
        egressBytes: z.int().optional().meta({ description: "Bytes sent to other hosts, before encryption; absent when none were.", example: 2048 }),
      })
      .nullable()
      .meta({ description: "What all of its attempts used." }),
    startedAt: instantSchema("When its last attempt started.").nullable(),
    completedAt: instantSchema("When it ended.").nullable(),
    resumeAt: instantSchema("When it goes on.").nullable(),
    durationMs: z.int().nullable().meta({ description: "From start to end.", example: 87 }),
    output: jsonValueSchema("Its output; absent when outputs were not asked for.").optional(),
    isSeeded: z.boolean().meta({ description: "Whether it was taken over from the execution that this one repeats, and not done again.", example: false }),
    failure: nodeFailureSchema.nullable().meta({ description: "The failure of the last attempt." }),
    attempts: z.array(nodeFailureSchema).meta({ description: "The failures of the attempts before it." }),
  })
  .meta({ id: "JournalEntry", description: "What one node did in an execution." });

const eventSchema = z
  .strictObject({
    type: z.enum(["queued", "started", "waiting", "cancelRequested", "completed", "blocked", "canceled"]).meta({ description: "What happened.", example: "started" }),
    at: instantSchema("When."),
    message: z.string().meta({ description: "The same in words.", example: "Started 118 ms after it was queued." }),
  })
  .meta({ id: "TimelineEvent", description: "A turn in the life of an execution." });

export const timelineSchema = z
  .strictObject({
    executionId: idSchema("The execution."),
    status: z.enum(EXECUTION_STATUSES).meta({ description: "Where it stands.", example: "SUCCESS" }),
    reason: z.string().nullable().meta({ description: "Of BLOCKED: the refusing rule. Of WAITING: what it waits for.", example: "DELAY" }),
    events: z.array(eventSchema).meta({ description: "In the order of time." }),
    journal: z.array(journalEntrySchema).meta({ description: "What the nodes did, in plan order: one page of it." }),
    nextJournalPageToken: z.string().nullable().meta({ description: "Asks for the next page of the journal; null on the last one.", example: null }),
    failures: z.array(nodeFailureSchema).meta({ description: "Every failed attempt of the entries in `journal`, in the order of time." }),
  })
  .meta({ id: "Timeline", description: "What happened in an execution, from recorded data." });

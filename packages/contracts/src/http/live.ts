import { EXECUTION_STATUSES } from "@fluxo/core/status/execution-status";
import { z } from "zod";
import { executionChangeSchema, nodeChangeSchema } from "../channels/node-status.ts";
import { defineRoute } from "./route.ts";
import { idSchema, instantSchema } from "./scalars.ts";

const tag = "Live";

const params = z.strictObject({ executionId: idSchema("The execution.") });

/** The data of a `snapshot` event: all that is known at that moment. */
export const liveSnapshotSchema = z
  .strictObject({
    execution: executionChangeSchema,
    nodes: z.array(nodeChangeSchema).meta({ description: "The nodes that began, ended or were skipped, in plan order." }),
    nodesOmitted: z.int().meta({ description: "Nodes and items that are not listed because there are too many.", example: 0 }),
  })
  .meta({ id: "LiveSnapshot", description: "The data of a `snapshot` event: everything known of an execution at that moment." });
export type LiveSnapshot = z.output<typeof liveSnapshotSchema>;

/** The data of the `end` event. */
export const liveEndSchema = z
  .strictObject({ status: z.enum(EXECUTION_STATUSES).meta({ description: "The final status.", example: "SUCCESS" }) })
  .meta({ id: "LiveEnd", description: "The data of the `end` event." });

const eventTokenSchema = z
  .strictObject({
    token: z.string().meta({ description: "Goes into the query of the address of the events.", example: "flv_eyJ2IjoxfQ.c2lnbmF0dXJl" }),
    expiresAt: instantSchema("Until when connections can be opened with it."),
    path: z.string().meta({ description: "The path of the events with the token.", example: "/v1/executions/0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b/events?token=flv_eyJ2IjoxfQ.c2lnbmF0dXJl" }),
  })
  .meta({ id: "EventToken", description: "Lets its holder watch one execution." });

export const liveRoutes = {
  createEventToken: defineRoute({
    operationId: "createEventToken",
    method: "post",
    path: "/v1/executions/{executionId}/event-token",
    tag,
    summary: "Make a token for watching an execution",
    description: "For browsers, whose EventSource sends no headers. The token is good for the events of this execution only, and for 10 minutes; a stream that is open goes on.",
    scope: "executions:read",
    subject: "tenant",
    params,
    repeatable: "Each token ends by itself.",
    unaudited: "It changes nothing.",
    responses: { 201: { description: "The token.", body: eventTokenSchema } },
    problems: ["NOT_FOUND"],
  }),
  streamExecutionEvents: defineRoute({
    operationId: "streamExecutionEvents",
    method: "get",
    path: "/v1/executions/{executionId}/events",
    tag,
    summary: "Watch an execution",
    description:
      "Server-sent events: `snapshot` (first, and whenever something may have been missed), `node` and `execution` for each change of a status, `end` when the execution has ended. No outputs. With Last-Event-ID the events after that one come, or a snapshot where they are gone. Lines that begin with a colon keep the connection open. Without an `end`, connect again. Takes the API key, or a token of POST …/event-token.",
    scope: "executions:read",
    subject: "tenant",
    acceptsEventToken: true,
    params,
    query: z.strictObject({ token: z.string().max(1_000).optional().meta({ description: "A token of POST …/event-token, instead of the API key.", example: "flv_eyJ2IjoxfQ.c2lnbmF0dXJl" }) }),
    headers: z.object({
      "Last-Event-ID": z
        .string()
        .max(64)
        .optional()
        .meta({ description: "The id of the last event that was received; one that is not known brings a snapshot.", example: "1763884800000-0" }),
    }),
    responses: { 200: { description: "The events, until the execution has ended.", content: "text/event-stream: the events, until the execution has ended." } },
    problems: ["NOT_FOUND", "RATE_LIMITED"],
  }),
} as const;

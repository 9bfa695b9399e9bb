import { EXECUTION_STATUSES, NODE_STATUSES } from "@fluxo/core/status/execution-status";
import { z } from "zod";

/**
 * The channel of an execution: a Redis stream (below the installation's prefix) of its status changes, for people who watch. It is for looking only:
 * PostgreSQL is the truth, and a reader that finds the stream gone, cut or silent looks there.
 */
export function nodeStatusStream(tenantId: string, executionId: string): string {
  return `tenants:${tenantId}:executions:${executionId}:nodes`;
}

/** Redis channel (below the installation's prefix; its messages say nothing) that wakes the readers of an execution's stream. */
export function nodeStatusWakeChannel(tenantId: string, executionId: string): string {
  return `${nodeStatusStream(tenantId, executionId)}:wake`;
}

/** The field of a stream entry that holds the event as JSON. */
export const NODE_STATUS_FIELD = "event";

/** About how many entries a stream keeps. */
export const NODE_STATUS_ENTRIES_MAX = 2_000;

/** How long a stream stays after its last entry. Seconds. */
export const NODE_STATUS_TTL_SECONDS = 3_600;

/** One change of the status of a node. Never an output. */
export const nodeChangeSchema = z
  .strictObject({
    nodeId: z.string().meta({ description: "The node.", example: "charge" }),
    item: z.int().meta({ description: "Which item of a loop; 0 outside of loops.", example: 0 }),
    status: z.enum(NODE_STATUSES).meta({ description: "RUNNING when an attempt begins.", example: "RUNNING" }),
    attempt: z.int().meta({ description: "From 1; 0 for a node that was skipped.", example: 1 }),
    reason: z.string().nullable().meta({ description: "What a WAITING node waits for.", example: null }),
    errorCode: z.string().nullable().meta({ description: "Of FAILED, and of WAITING for a back-off: the stable code.", example: null }),
    at: z.iso.datetime().meta({ description: "When it changed.", example: "2026-11-23T08:00:00.000Z" }),
  })
  .meta({ id: "NodeChange", description: "One change of the status of a node." });
export type NodeChange = z.output<typeof nodeChangeSchema>;

/** One change of the status of the execution. */
export const executionChangeSchema = z
  .strictObject({
    status: z.enum(EXECUTION_STATUSES).meta({ description: "The new status.", example: "RUNNING" }),
    reason: z.string().nullable().meta({ description: "What it waits for, or why it is blocked.", example: null }),
    at: z.iso.datetime().meta({ description: "When it changed.", example: "2026-11-23T08:00:00.000Z" }),
  })
  .meta({ id: "ExecutionChange", description: "One change of the status of an execution." });
export type ExecutionChange = z.output<typeof executionChangeSchema>;

const entryShape = { version: z.literal(1), tenantId: z.uuid(), executionId: z.uuid() };

/** An entry of the stream. `gap`: some before it were dropped, so that what is known is to be read anew. */
export const nodeStatusEntrySchema = z.discriminatedUnion("type", [
  z.strictObject({ ...entryShape, type: z.literal("node"), change: nodeChangeSchema }),
  z.strictObject({ ...entryShape, type: z.literal("execution"), change: executionChangeSchema }),
  z.strictObject({ ...entryShape, type: z.literal("gap") }),
]);
export type NodeStatusEntry = z.output<typeof nodeStatusEntrySchema>;

import type { NodeChange } from "@fluxo/contracts/channels/node-status";
import type { LiveSnapshot } from "@fluxo/contracts/http/live";
import type { TenantDb } from "@fluxo/prisma/database/tenant-db";
import { findExecutionSummary, type ExecutionSummaryRecord } from "@fluxo/prisma/repositories/executions";
import { findJournal, type JournalRecord } from "@fluxo/prisma/repositories/journal";
import type { StreamEntry } from "./stream-reader.ts";

/** Nodes and items that a snapshot lists. */
const NODES_MAX = 2_000;

/** What is recorded of an execution and its nodes; undefined when there is no such execution. */
export async function readSnapshot(tenantDb: TenantDb, of: { readonly tenantId: string; readonly executionId: string }, entries: readonly StreamEntry[], now: Date): Promise<LiveSnapshot | undefined> {
  const { tenantId, executionId } = of;
  return tenantDb.withTenant(tenantId, async (db) => {
    const execution = await findExecutionSummary(db, tenantId, executionId);
    if (execution === undefined) return undefined;
    return toSnapshot(execution, await findJournal(db, tenantId, executionId), entries, now);
  });
}

/**
 * The journal, and over it what only the stream knows: nodes that are in work leave no row before they end.
 * @param entries of the stream, read before the journal was
 */
export function toSnapshot(execution: Pick<ExecutionSummaryRecord, "status" | "reason" | "queuedAt" | "startedAt" | "completedAt">, journal: readonly JournalRecord[], entries: readonly StreamEntry[], now: Date): LiveSnapshot {
  const nodes = new Map(journal.map((row) => [`${row.nodeId}:${row.item}`, toChange(row, now)]));
  if (execution.status === "RUNNING") {
    const last = new Map(entries.flatMap(({ entry }) => (entry.type === "node" ? [[`${entry.change.nodeId}:${entry.change.item}`, entry.change] as const] : [])));
    for (const [key, change] of last) {
      const recorded = nodes.get(key);
      if (change.status === "RUNNING" && (recorded === undefined || (recorded.status === "WAITING" && recorded.attempt < change.attempt))) nodes.set(key, change);
    }
  }
  const { status, reason, queuedAt, startedAt, completedAt } = execution;
  const all = [...nodes.values()];
  return { execution: { status, reason, at: (completedAt ?? startedAt ?? queuedAt).toISOString() }, nodes: all.slice(0, NODES_MAX), nodesOmitted: Math.max(0, all.length - NODES_MAX) };
}

function toChange({ nodeId, item, status, attempt, reason, failure, completedAt, startedAt }: JournalRecord, now: Date): NodeChange {
  return { nodeId, item, status, attempt, reason, errorCode: failure?.code ?? null, at: (completedAt ?? startedAt ?? now).toISOString() };
}

import type { Clock } from "@fluxo/core/ports/clock";
import { startChildren, type ChildItem, type ChildResult } from "@fluxo/prisma/executions/children";
import { claimExecutions, type ClaimResult } from "@fluxo/prisma/executions/claim";
import { recordNodes, type JournalRow } from "@fluxo/prisma/executions/journal";
import { settleExecutions, type SettleItem } from "@fluxo/prisma/executions/settle";
import { loadVersionGraphs } from "@fluxo/prisma/executions/versions";
import { isTransient } from "@fluxo/prisma/database/errors";
import { GroupCommit } from "@fluxo/runtime/group-commit";
import type { Metrics } from "@fluxo/runtime/metrics";
import type pg from "pg";

export interface ExecutionStoreOptions {
  /** Connections of fluxo_app. */
  readonly pool: pg.Pool;
  readonly owner: string;
  readonly leaseMs: number;
  readonly nodeTiers: Readonly<Record<string, number>>;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** Every write of running executions. Writes of one turn, of all executions of the process, share one statement. */
export interface ExecutionStore {
  /** @param isRunning the caller runs executions of the tenant, and asks again when one of them ends: what finds no slot stays with it */
  claim(tenantId: string, executionIds: readonly string[], isRunning: boolean): Promise<ClaimResult>;
  /** As they are stored. */
  loadGraphs(tenantId: string, versionIds: readonly string[]): Promise<ReadonlyMap<string, unknown>>;
  /** Writes the rows of one execution. False when the execution is another's by now. */
  record(rows: readonly JournalRow[], signal: AbortSignal): Promise<boolean>;
  /** Starts the sub-workflow of a node; again the same one when it was started before. `fenced` also when the lease is lost. */
  startChild(item: ChildItem, signal: AbortSignal): Promise<ChildResult>;
  /** Ends or suspends an execution. False when it is another's by now. */
  settle(item: SettleItem, signal: AbortSignal): Promise<boolean>;
  drain(): Promise<void>;
}

const BATCH_MAX = 200;
const QUEUED_MAX = 100_000;
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 1_000;

/** Creates the store. Recording and settling are repeatable: the epoch fences them, and what was written is not written again. */
export function createExecutionStore(options: ExecutionStoreOptions): ExecutionStore {
  const { pool, metrics, clock } = options;
  const observe = (group: string) => (report: { size: number; durationMs: number }): void => {
    metrics.groupCommitBatchSize.observe({ group }, report.size);
    metrics.groupCommitDuration.observe({ group }, report.durationMs / 1_000);
  };
  // A batch that fails as a whole is retried row by row, so that one unwritable row never fails its batch.
  const shared = { maxBatch: BATCH_MAX, maxQueued: QUEUED_MAX, maxInFlight: 2, retryRowByRow: true, isRetryable: (error: unknown) => !isTransient(error) };
  const journal = new GroupCommit<readonly JournalRow[], boolean>({
    ...shared,
    // A statement has a cost for each tenant that it is about.
    ownerOf: ([first]) => first?.tenantId ?? "",
    onFlush: observe("journal"),
    flush: async (items) => {
      const fenced = await recordNodes(pool, items.flat());
      return items.map(([first]) => first === undefined || !fenced.has(first.executionId));
    },
  });
  const children = new GroupCommit<ChildItem, ChildResult>({ ...shared, onFlush: observe("children"), flush: (items) => startChildren(pool, items) });
  const settlements = new GroupCommit<SettleItem, boolean>({
    ...shared,
    maxInFlight: 1,
    onFlush: observe("settle"),
    flush: async (items) => {
      const settled = await settleExecutions(pool, items);
      return items.map((item) => settled.has(item.executionId));
    },
  });
  return {
    claim: (tenantId, executionIds, isRunning) => claimExecutions(pool, { tenantId, executionIds, keepStarved: isRunning ? "always" : "ifClaimed", owner: options.owner, leaseMs: options.leaseMs, nodeTiers: options.nodeTiers }),
    loadGraphs: (tenantId, versionIds) => loadVersionGraphs(pool, tenantId, versionIds),
    record: (rows, signal) => untilWritten(() => journal.add(rows), clock, signal, false),
    startChild: (item, signal) => untilWritten<ChildResult>(() => children.add(item), clock, signal, { outcome: "fenced" }),
    settle: (item, signal) => untilWritten(() => settlements.add(item), clock, signal, false),
    drain: async () => {
      await Promise.all([journal.drain(), children.drain()]);
      await settlements.drain();
    },
  };
}

/** Repeats a write while the database cannot take it, until the signal says that the lease is gone; then it gives `lost`. */
async function untilWritten<R>(write: () => Promise<R>, clock: Clock, signal: AbortSignal, lost: R): Promise<R> {
  for (let delayMs = RETRY_FIRST_MS; ; delayMs = Math.min(RETRY_MAX_MS, delayMs * 2)) {
    try {
      return await write();
    } catch (error) {
      if (!isTransient(error)) throw error;
      if (signal.aborted) return lost;
      try {
        await clock.sleep(delayMs, signal);
      } catch {
        return lost;
      }
    }
  }
}

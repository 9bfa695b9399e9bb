import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../support/client.ts";
import type { RecordedExecution } from "./deliveries.ts";

/** From acceptance to the end, in milliseconds, as recorded. */
export interface Completion {
  readonly count: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly maxMs: number;
  /** Ended executions per second, from the first acceptance to the last end. */
  readonly perSecond: number;
}

const POLL_MS = 500;
/** Everything ends by itself; what does not move for so long will not. */
const STANDSTILL_MS = 90_000;
const TOTAL_MS = 600_000;

/** Waits until no execution is left that has not ended. @returns how many are left: 0 unless nothing moved for a long time */
export async function waitUntilAllEnded(client: Client, onProgress: (left: number) => void): Promise<number> {
  const startedAt = performance.now();
  let least = Number.POSITIVE_INFINITY;
  let movedAt = startedAt;
  for (;;) {
    const [row] = await client.sql<{ left: number }>("SELECT count(*)::int AS left FROM executions WHERE status IN ('QUEUED', 'RUNNING', 'WAITING')");
    const left = row?.left ?? 0;
    onProgress(left);
    if (left === 0) return 0;
    const now = performance.now();
    if (left < least) {
      least = left;
      movedAt = now;
    }
    if (now - movedAt > STANDSTILL_MS || now - startedAt > TOTAL_MS) return left;
    await sleep(POLL_MS);
  }
}

/** Every execution whose delivery id begins with `prefix`. */
export async function readRecords(client: Client, prefix: string): Promise<RecordedExecution[]> {
  const rows = await client.sql<{ occurrence_key: string; id: string; status: string }>("SELECT occurrence_key, id, status FROM executions WHERE starts_with(occurrence_key, $1)", [`delivery:${prefix}`]);
  return rows.map(({ occurrence_key: key, id, status }) => ({ deliveryId: key.replace(/^delivery:/, ""), executionId: id, status }));
}

/** How long executions took whose delivery id begins with `prefix`. */
export async function measureCompletion(client: Client, prefix: string): Promise<Completion> {
  const [row] = await client.sql<{ count: number; p50: number | null; p95: number | null; max: number | null; seconds: number | null }>(
    `SELECT count(*)::int AS count,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS p50,
            percentile_cont(0.95) WITHIN GROUP (ORDER BY ms) AS p95,
            max(ms) AS max,
            extract(epoch FROM max(completed_at) - min(queued_at))::float8 AS seconds
     FROM (SELECT queued_at, completed_at, (extract(epoch FROM completed_at - queued_at) * 1000)::float8 AS ms
           FROM executions WHERE starts_with(occurrence_key, $1) AND completed_at IS NOT NULL) AS ended`,
    [`delivery:${prefix}`],
  );
  const count = row?.count ?? 0;
  return { count, p50Ms: row?.p50 ?? 0, p95Ms: row?.p95 ?? 0, maxMs: row?.max ?? 0, perSecond: count / Math.max(0.001, row?.seconds ?? 0) };
}

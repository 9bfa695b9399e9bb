import type { ScopedDb } from "../database/tenant-db.ts";

/** Starts that can wait (of a backfill, or by hand) wait while a tenant has so many executions that wait to start, so that live occurrences are never far behind them. */
export const QUEUED_MAX = 50;

/** Whether a tenant has so many. @param db of the tenant */
export async function isQueueFull(db: ScopedDb, tenantId: string): Promise<boolean> {
  return (await db.execution.count({ where: { tenantId, status: "QUEUED" }, take: QUEUED_MAX })) >= QUEUED_MAX;
}

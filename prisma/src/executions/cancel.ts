import type { ExecutionStatus } from "@fluxo/core/status/execution-status";
import type pg from "pg";

/** What a cancel found: `isRequested` when a running worker still has to observe it. */
export interface CancelResult {
  readonly status: ExecutionStatus;
  readonly isRequested: boolean;
}

/**
 * Ends a QUEUED or WAITING execution at once, flags a RUNNING one, leaves a terminal one as it is.
 * @param db fluxo_app
 * @returns undefined when the tenant has no such execution
 */
export async function cancelExecution(db: pg.Pool, tenantId: string, executionId: string): Promise<CancelResult | undefined> {
  const { rows } = await db.query<{ status: ExecutionStatus; is_requested: boolean }>("SELECT status, is_requested FROM fluxo_cancel($1, $2)", [tenantId, executionId]);
  const row = rows[0];
  return row === undefined ? undefined : { status: row.status, isRequested: row.is_requested };
}

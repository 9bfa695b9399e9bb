import type pg from "pg";
import type { ScopedDb } from "../database/tenant-db.ts";
import { pageOfRows, type Page } from "./page.ts";

/** The parked executions of a tenant. */
export interface ParkedRecord {
  readonly count: number;
  readonly calledOut: number;
  readonly oldestQueuedAt: Date | null;
}

/** @param db of the tenant */
export async function countParked(db: ScopedDb, tenantId: string): Promise<ParkedRecord> {
  const rows = await db.$queryRaw<ParkedRecord[]>`
    SELECT count(*)::int AS "count", (count(*) FILTER (WHERE resume_at IS NOT NULL))::int AS "calledOut", min(queued_at) AS "oldestQueuedAt"
    FROM executions WHERE tenant_id = ${tenantId}::uuid AND reason = 'QUOTA'`;
  return rows[0] ?? { count: 0, calledOut: 0, oldestQueuedAt: null };
}

/**
 * Looks now whether there is room for parked executions, and calls out those that there is room for, at the plan's pace.
 * @param db fluxo_app
 * @returns how many were called out
 */
export async function releaseParked(db: pg.Pool, tenantId: string): Promise<number> {
  const { rows } = await db.query<{ called: number }>({ name: "fluxo_drain_asked", text: "SELECT fluxo_drain($1, true) AS called", values: [tenantId] });
  return rows[0]?.called ?? 0;
}

const DISCARD_BATCH = 1_000;

/** Ends all parked executions as CANCELED, in batches, so that the tenant's claims never wait long. @param db fluxo_app @returns how many */
export async function discardParked(db: pg.Pool, tenantId: string): Promise<number> {
  for (let discarded = 0; ; ) {
    const { rows } = await db.query<{ count: number }>({ name: "fluxo_discard_parked", text: "SELECT fluxo_discard_parked($1, $2) AS count", values: [tenantId, DISCARD_BATCH] });
    const count = rows[0]?.count ?? 0;
    discarded += count;
    if (count < DISCARD_BATCH) return discarded;
  }
}

export interface QuotaAlertRecord {
  readonly id: string;
  readonly metric: string;
  readonly percent: number;
  readonly counted: number;
  readonly quota: number;
  readonly windowStart: Date;
  readonly raisedAt: Date;
}

/** Newest first. @param db of the tenant @param before raisedAt and id of the last alert of the page before */
export async function listQuotaAlerts(db: ScopedDb, tenantId: string, limit: number, before?: readonly [Date, string]): Promise<Page<QuotaAlertRecord>> {
  const where = { tenantId, ...(before === undefined ? {} : { OR: [{ raisedAt: { lt: before[0] } }, { raisedAt: before[0], id: { lt: before[1] } }] }) };
  const select = { id: true, metric: true, percent: true, counted: true, quota: true, windowStart: true, raisedAt: true } as const;
  return pageOfRows(await db.quotaAlert.findMany({ where, select, orderBy: [{ raisedAt: "desc" }, { id: "desc" }], take: limit + 1 }), limit);
}

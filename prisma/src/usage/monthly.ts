import type { ScopedDb } from "../database/tenant-db.ts";

/** What a tenant used in one calendar month of its zone, so far. */
export interface MonthRecord {
  readonly agencyId: string;
  readonly planId: string;
  readonly start: Date;
  readonly end: Date;
  readonly executions: bigint;
  readonly nodeExecutions: bigint;
  readonly aiTokens: bigint;
  readonly aiUnpricedTokens: bigint;
  readonly aiCostMicros: bigint;
  readonly egressBytes: bigint;
  /** Bytes times hours: each change counts from the beginning of its hour, up to now or the end of the month. */
  readonly storageByteHours: bigint;
  readonly hours: bigint;
  /** The month is over, and everything that occurred in it is rolled up. */
  readonly isFinal: boolean;
}

/** @param db of the tenant @param month as `2026-11` @returns undefined when there is no such tenant */
export async function findMonth(db: ScopedDb, tenantId: string, month: string): Promise<MonthRecord | undefined> {
  const first = `${month}-01`;
  const rows = await db.$queryRaw<MonthRecord[]>`
    WITH bounds AS (
      SELECT t.id, t.agency_id, t.plan_id, t.time_zone, w.starts_at, w.ends_at, least(w.ends_at, date_trunc('hour', now()) + interval '1 hour') AS until
      FROM tenants t CROSS JOIN LATERAL fluxo_month_window((${first}::date + 10)::timestamp AT TIME ZONE t.time_zone, t.time_zone) w WHERE t.id = ${tenantId}::uuid
    ), used AS (
      SELECT coalesce(sum(d.executions), 0)::bigint AS executions, coalesce(sum(d.node_executions), 0)::bigint AS "nodeExecutions", coalesce(sum(d.ai_input_tokens + d.ai_output_tokens), 0)::bigint AS "aiTokens",
             coalesce(sum(d.ai_unpriced_tokens), 0)::bigint AS "aiUnpricedTokens", coalesce(sum(d.ai_cost_micros), 0)::bigint AS "aiCostMicros", coalesce(sum(d.egress_bytes), 0)::bigint AS "egressBytes"
      FROM usage_days d WHERE d.tenant_id = ${tenantId}::uuid AND d.day >= ${first}::date AND d.day < (${first}::date + interval '1 month')
    ), kept AS (
      SELECT coalesce(sum(h.storage_bytes * greatest(0, floor(extract(epoch FROM b.until - greatest(h.hour, b.starts_at)) / 3600))), 0)::bigint AS "storageByteHours"
      FROM bounds b JOIN usage_hours h ON h.tenant_id = b.id AND h.hour < b.until AND h.storage_bytes <> 0
    )
    SELECT b.agency_id AS "agencyId", b.plan_id AS "planId", b.starts_at AS start, b.ends_at AS "end", u.*, k."storageByteHours", (extract(epoch FROM b.ends_at - b.starts_at) / 3600)::bigint AS hours,
           b.ends_at <= now() AND NOT EXISTS (SELECT FROM usage_events e CROSS JOIN usage_mark m WHERE e.tenant_id = b.id AND e.txid >= m.upto AND e.id > m.floor_id AND e.occurred_at < b.ends_at) AS "isFinal"
    FROM bounds b CROSS JOIN used u CROSS JOIN kept k`;
  return rows[0];
}

/** Executions of the last full days before today in the tenant's zone, oldest first, from the first day with any on; 28 at most. @param db of the tenant */
export async function dailyExecutions(db: ScopedDb, tenantId: string): Promise<readonly number[]> {
  const rows = await db.$queryRaw<{ executions: number }[]>`
    WITH today AS (
      SELECT (now() AT TIME ZONE time_zone)::date AS day FROM tenants WHERE id = ${tenantId}::uuid
    ), used AS (
      SELECT d.day, sum(d.executions) AS executions FROM usage_days d CROSS JOIN today t
      WHERE d.tenant_id = ${tenantId}::uuid AND d.day < t.day AND d.day >= t.day - 28 AND d.executions > 0 GROUP BY d.day
    )
    SELECT coalesce(u.executions, 0)::int AS executions
    FROM today t CROSS JOIN LATERAL generate_series((SELECT min(day) FROM used), t.day - 1, interval '1 day') AS g(day) LEFT JOIN used u ON u.day = g.day::date
    ORDER BY g.day`;
  return rows.map(({ executions }) => executions);
}

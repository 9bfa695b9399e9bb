import type { ScopedDb } from "../database/tenant-db.ts";

/** What a tenant used in some days of one calendar month of its zone, so far. */
export interface MonthRecord {
  /** Of the whole month. */
  readonly start: Date;
  readonly end: Date;
  readonly executions: bigint;
  readonly nodeExecutions: bigint;
  readonly aiTokens: bigint;
  readonly aiUnpricedTokens: bigint;
  readonly aiCostMicros: bigint;
  readonly egressBytes: bigint;
  /** Bytes times hours: each change counts from the beginning of its hour, up to now or the end of the days. */
  readonly storageByteHours: bigint;
  /** Of the whole month. */
  readonly hours: bigint;
  /** The month is over, and everything that occurred in it is rolled up. */
  readonly isFinal: boolean;
}

/**
 * @param db of the tenant
 * @param month as `2026-11`
 * @param days of the month: ISO dates, `to` is the day after the last
 * @returns undefined when there is no such tenant
 */
export async function findDaysOfMonth(db: ScopedDb, tenantId: string, month: string, { from, to }: { readonly from: string; readonly to: string }): Promise<MonthRecord | undefined> {
  const first = `${month}-01`;
  const rows = await db.$queryRaw<MonthRecord[]>`
    WITH bounds AS (
      SELECT t.id, w.starts_at, w.ends_at, d.since, least(d.until, date_trunc('hour', now()) + interval '1 hour') AS until
      FROM tenants t CROSS JOIN LATERAL fluxo_month_window((${first}::date + 10)::timestamp AT TIME ZONE t.time_zone, t.time_zone) w
      CROSS JOIN LATERAL (SELECT greatest(w.starts_at, ${from}::date::timestamp AT TIME ZONE t.time_zone) AS since, least(w.ends_at, ${to}::date::timestamp AT TIME ZONE t.time_zone) AS until) d
      WHERE t.id = ${tenantId}::uuid
    ), used AS (
      SELECT coalesce(sum(d.executions), 0)::bigint AS executions, coalesce(sum(d.node_executions), 0)::bigint AS "nodeExecutions", coalesce(sum(d.ai_input_tokens + d.ai_output_tokens), 0)::bigint AS "aiTokens",
             coalesce(sum(d.ai_unpriced_tokens), 0)::bigint AS "aiUnpricedTokens", coalesce(sum(d.ai_cost_micros), 0)::bigint AS "aiCostMicros", coalesce(sum(d.egress_bytes), 0)::bigint AS "egressBytes"
      FROM usage_days d WHERE d.tenant_id = ${tenantId}::uuid AND d.day >= ${from}::date AND d.day < ${to}::date
    ), kept AS (
      SELECT coalesce(sum(h.storage_bytes * greatest(0, floor(extract(epoch FROM b.until - greatest(h.hour, b.since)) / 3600))), 0)::bigint AS "storageByteHours"
      FROM bounds b JOIN usage_hours h ON h.tenant_id = b.id AND h.hour < b.until AND h.storage_bytes <> 0
    )
    SELECT b.starts_at AS start, b.ends_at AS "end", u.*, k."storageByteHours", (extract(epoch FROM b.ends_at - b.starts_at) / 3600)::bigint AS hours,
           b.ends_at <= now() AND NOT EXISTS (SELECT FROM usage_events e CROSS JOIN usage_mark m WHERE e.tenant_id = b.id AND e.txid >= m.upto AND e.id > m.floor_id AND e.occurred_at < b.ends_at) AS "isFinal"
    FROM bounds b CROSS JOIN used u CROSS JOIN kept k`;
  return rows[0];
}

/** What was used of the metered quotas on the last full days before today in the tenant's zone, oldest first, 28 at most; each from the first day with any on. @param db of the tenant */
export async function dailyQuotaUse(db: ScopedDb, tenantId: string): Promise<{ readonly executions: readonly number[]; readonly aiTokens: readonly number[] }> {
  const rows = await db.$queryRaw<{ executions: number; aiTokens: number }[]>`
    WITH today AS (
      SELECT (now() AT TIME ZONE time_zone)::date AS day FROM tenants WHERE id = ${tenantId}::uuid
    ), used AS (
      SELECT d.day, sum(d.executions) AS executions, sum(d.ai_input_tokens + d.ai_output_tokens) AS tokens FROM usage_days d CROSS JOIN today t
      WHERE d.tenant_id = ${tenantId}::uuid AND d.day < t.day AND d.day >= t.day - 28 GROUP BY d.day
    )
    SELECT coalesce(u.executions, 0)::float8 AS executions, coalesce(u.tokens, 0)::float8 AS "aiTokens"
    FROM today t CROSS JOIN LATERAL generate_series((SELECT min(day) FROM used), t.day - 1, interval '1 day') AS g(day) LEFT JOIN used u ON u.day = g.day::date
    ORDER BY g.day`;
  const fromFirst = (values: readonly number[]): readonly number[] => values.slice(Math.max(0, values.findIndex((value) => value > 0)));
  return { executions: fromFirst(rows.map(({ executions }) => executions)), aiTokens: fromFirst(rows.map(({ aiTokens }) => aiTokens)) };
}

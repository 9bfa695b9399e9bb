import type { ScopedDb } from "../database/tenant-db.ts";

/** What a tenant used of its plan in the current window. */
export interface UsageRecord {
  readonly planId: string;
  readonly windowStart: Date;
  readonly windowEnd: Date;
  readonly limit: number;
  readonly used: number;
  readonly reserved: number;
  readonly running: number;
  readonly concurrencyMax: number;
  readonly drainPerMinute: number;
  readonly aiTokensLimit: number;
  readonly aiTokensUsed: number;
  readonly aiTokensReserved: number;
  readonly now: Date;
}

/** By the window and the clock that admission uses (`fluxo_claim`). @param db of the tenant @returns undefined when there is no such tenant */
export async function findUsage(db: ScopedDb, tenantId: string): Promise<UsageRecord | undefined> {
  const rows = await db.$queryRaw<UsageRecord[]>`
    WITH bounds AS (
      SELECT t.id, t.plan_id, w.starts_at AS window_start, w.ends_at AS window_end FROM tenants t CROSS JOIN LATERAL fluxo_month_window(now(), t.time_zone) w WHERE t.id = ${tenantId}::uuid
    )
    SELECT b.plan_id AS "planId", b.window_start AS "windowStart", b.window_end AS "windowEnd", p.executions_per_month AS "limit",
           coalesce(u.used, 0) AS "used", coalesce(u.reserved, 0) AS "reserved", coalesce(s.used, 0) AS "running", p.concurrency_max AS "concurrencyMax",
           p.drain_per_minute AS "drainPerMinute", p.ai_tokens_per_month AS "aiTokensLimit", coalesce(a.used, 0) AS "aiTokensUsed", coalesce(a.reserved, 0) AS "aiTokensReserved", now() AS "now"
    FROM bounds b
    JOIN plans p ON p.id = b.plan_id
    LEFT JOIN usage_windows u ON u.tenant_id = b.id AND u.metric = 'executions' AND u.window_start = b.window_start
    LEFT JOIN usage_windows a ON a.tenant_id = b.id AND a.metric = 'aiTokens' AND a.window_start = b.window_start
    LEFT JOIN concurrency_slots s ON s.tenant_id = b.id`;
  return rows[0];
}

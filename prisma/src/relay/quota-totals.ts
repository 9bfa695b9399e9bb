import type pg from "pg";

/** What SQL says of quotas over all tenants. */
export interface QuotaTotals {
  /** Executions that are parked. */
  readonly parked: number;
  /** Alerts of the last 31 days. */
  readonly alerts: readonly { readonly metric: string; readonly percent: number; readonly count: number }[];
}

/** @param db fluxo_system */
export async function readQuotaTotals(db: pg.Pool): Promise<QuotaTotals> {
  const parked = await db.query<{ count: number }>({ name: "fluxo_parked_total", text: "SELECT count(*)::int AS count FROM executions WHERE reason = 'QUOTA'" });
  const alerts = await db.query<{ metric: string; percent: number; count: number }>({
    name: "fluxo_alerts_total",
    text: "SELECT metric, percent, count(*)::int AS count FROM quota_alerts WHERE raised_at > clock_timestamp() - interval '31 days' GROUP BY metric, percent ORDER BY metric, percent",
  });
  return { parked: parked.rows[0]?.count ?? 0, alerts: alerts.rows };
}

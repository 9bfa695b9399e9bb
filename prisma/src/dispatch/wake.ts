import type pg from "pg";

/**
 * Makes a source due as soon as its plan allows another look, for a dispatcher that learned of a change. What is off, paused or being looked at stays as it is.
 * @returns whether it is due now, or soon
 * @param db fluxo_system
 */
export async function wakeTrigger(db: pg.Pool, tenantId: string, triggerId: string): Promise<boolean> {
  const { rowCount } = await db.query({
    name: "fluxo_dispatch_wake",
    text: `WITH soon AS (
             SELECT s.tenant_id, s.trigger_id, least(s.next_due_at, greatest(clock_timestamp(), s.checked_at + make_interval(secs => p.poll_interval_seconds_min))) AS at
             FROM trigger_states s JOIN tenants te ON te.id = s.tenant_id JOIN plans p ON p.id = te.plan_id
             WHERE s.tenant_id = $1 AND s.trigger_id = $2 AND s.lease_owner IS NULL AND s.next_due_at IS NOT NULL AND NOT s.is_paused
             FOR NO KEY UPDATE OF s
           )
           UPDATE trigger_states s SET next_due_at = soon.at, claimable_at = soon.at FROM soon
           WHERE s.tenant_id = soon.tenant_id AND s.trigger_id = soon.trigger_id`,
    values: [tenantId, triggerId],
  });
  return (rowCount ?? 0) > 0;
}

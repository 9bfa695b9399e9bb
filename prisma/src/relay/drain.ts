import type pg from "pg";

/**
 * Looks at the parked executions of tenants whose look is due, and calls out those that there is room for (functions/parking.sql). Each tenant is a statement of its own,
 * so that no tenant's claims wait for the look at another.
 * @param db fluxo_system
 * @param limit tenants of one call
 * @returns how many executions were called out
 */
export async function drainParked(db: pg.Pool, limit: number): Promise<number> {
  const due = await db.query<{ tenant_id: string }>({
    name: "fluxo_drain_due",
    text: "SELECT tenant_id FROM concurrency_slots WHERE drain_at <= clock_timestamp() ORDER BY drain_at LIMIT $1",
    values: [limit],
  });
  let called = 0;
  for (const { tenant_id: tenantId } of due.rows) {
    const { rows } = await db.query<{ called: number }>({ name: "fluxo_drain", text: "SELECT fluxo_drain($1, false) AS called", values: [tenantId] });
    called += rows[0]?.called ?? 0;
  }
  return called;
}

import type pg from "pg";

/** A lease that this process holds. */
export interface HeldLease {
  readonly tenantId: string;
  readonly executionId: string;
  readonly epoch: number;
}

/**
 * Extends leases, by the database's clock.
 * @param db fluxo_system
 * @returns per id still held: whether a cancel was asked for. An id that is missing is lost.
 */
export async function extendLeases(db: pg.Pool, owner: string, leaseMs: number, held: readonly HeldLease[]): Promise<ReadonlyMap<string, boolean>> {
  if (held.length === 0) return new Map();
  const { rows } = await db.query<{ execution_id: string; is_canceled: boolean }>({
    name: "fluxo_heartbeat",
    text: "SELECT execution_id, is_canceled FROM fluxo_heartbeat($1, $2, $3, $4, $5)",
    values: [owner, leaseMs, held.map((lease) => lease.tenantId), held.map((lease) => lease.executionId), held.map((lease) => lease.epoch)],
  });
  return new Map(rows.map((row) => [row.execution_id, row.is_canceled]));
}

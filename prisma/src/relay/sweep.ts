import type pg from "pg";

/** Why an execution was woken: see functions/sweep.sql. */
export type SweepKind = "queued" | "starved" | "expired" | "overdue" | "outdated" | "parked" | "child";

/**
 * Orders wake-ups for executions that should have moved and did not.
 * @param db fluxo_system
 * @param staleMs how long a released execution may take to start
 */
export async function sweep(db: pg.Pool, staleMs: number, limit: number): Promise<ReadonlyMap<SweepKind, number>> {
  const { rows } = await db.query<{ kind: SweepKind; woken: number }>({ name: "fluxo_sweep", text: "SELECT kind, woken FROM fluxo_sweep($1, $2)", values: [staleMs, limit] });
  return new Map(rows.map((row) => [row.kind, row.woken]));
}

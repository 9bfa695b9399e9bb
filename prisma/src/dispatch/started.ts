import type pg from "pg";

/** Which of a trigger's occurrences started an execution, by their keys. @param db fluxo_app */
export async function findStarted(db: pg.Pool, tenantId: string, triggerId: string, keys: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await db.query<{ key: string }>({ name: "fluxo_trigger_started", text: "SELECT key FROM fluxo_trigger_started($1, $2, $3)", values: [tenantId, triggerId, keys] });
  return new Set(rows.map(({ key }) => key));
}

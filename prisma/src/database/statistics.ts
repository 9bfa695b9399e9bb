import type pg from "pg";

/**
 * Has PostgreSQL look at the tables that it never looked at and that are no longer small: see functions/statistics.sql.
 * @param db fluxo_system
 * @returns their names
 */
export async function lookAtNewTables(db: pg.Pool): Promise<readonly string[]> {
  const { rows } = await db.query<{ tables: string[] }>({ name: "fluxo_look_at_new_tables", text: "SELECT fluxo_look_at_new_tables() AS tables" });
  return rows[0]?.tables ?? [];
}

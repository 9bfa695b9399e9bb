import type { Json } from "@fluxo/core/json";
import type pg from "pg";

/** What the kind of a trigger remembers entry by entry, by key; `commitDispatch` writes it. @param db fluxo_app */
export async function readTriggerEntries(db: pg.Pool, tenantId: string, triggerId: string): Promise<Map<string, Json>> {
  const { rows } = await db.query<{ key: string; value: Json }>({ name: "fluxo_trigger_entries", text: "SELECT key, value FROM fluxo_trigger_entries($1, $2)", values: [tenantId, triggerId] });
  return new Map(rows.map(({ key, value }) => [key, value]));
}

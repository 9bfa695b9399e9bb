import type pg from "pg";

/**
 * The graphs of published versions of one tenant, by version id, as they are stored. They never change: cache them. Each is to be parsed by itself: one that this process cannot read says
 * nothing about the others.
 * @param db fluxo_app
 */
export async function loadVersionGraphs(db: pg.Pool, tenantId: string, versionIds: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
  const { rows } = await db.query<{ id: string; graph: unknown }>({
    name: "fluxo_version_graphs",
    text: "SELECT id, graph FROM fluxo_version_graphs($1, $2)",
    values: [tenantId, versionIds],
  });
  return new Map(rows.map((row) => [row.id, row.graph]));
}

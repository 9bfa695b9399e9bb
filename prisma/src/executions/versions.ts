import { graphSchema, type Graph } from "@fluxo/core/graph/graph";
import type pg from "pg";

/**
 * The graphs of published versions of one tenant, by version id. They never change: cache them.
 * @param db fluxo_app
 */
export async function loadVersionGraphs(db: pg.Pool, tenantId: string, versionIds: readonly string[]): Promise<ReadonlyMap<string, Graph>> {
  const { rows } = await db.query<{ id: string; graph: unknown }>({
    name: "fluxo_version_graphs",
    text: "SELECT id, graph FROM fluxo_version_graphs($1, $2)",
    values: [tenantId, versionIds],
  });
  return new Map(rows.map((row) => [row.id, graphSchema.parse(row.graph)]));
}

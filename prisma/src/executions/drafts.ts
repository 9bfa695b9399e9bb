import { graphSchema, type Graph } from "@fluxo/core/graph/graph";
import type pg from "pg";

/** The draft of a workflow as it is now; undefined when there is no such workflow. @param db fluxo_app */
export async function loadDraft(db: pg.Pool, tenantId: string, workflowId: string): Promise<Graph | undefined> {
  const { rows } = await db.query<{ graph: unknown }>("SELECT graph FROM fluxo_draft($1, $2)", [tenantId, workflowId]);
  return rows[0] === undefined ? undefined : graphSchema.parse(rows[0].graph);
}

import type { Json } from "@fluxo/core/json";
import type pg from "pg";

/** A webhook trigger, found by its token alone. */
export interface Hook {
  readonly tenantId: string;
  readonly triggerId: string;
  readonly workflowId: string;
  /** Parameters of the trigger node. */
  readonly config: Json;
  readonly sealedSecret: Uint8Array | null;
  /** Requests in a minute that the plan allows for all hooks of the tenant. */
  readonly requestsPerMinute: number;
}

/**
 * @param db fluxo_app
 * @returns undefined when no enabled webhook of a published workflow has the token
 */
export async function resolveHook(db: pg.Pool, token: string): Promise<Hook | undefined> {
  const { rows } = await db.query<{ tenant_id: string; trigger_id: string; workflow_id: string; config: Json; sealed_secret: Uint8Array | null; requests_per_minute: number }>({
    name: "fluxo_resolve_hook",
    text: "SELECT * FROM fluxo_resolve_hook($1)",
    values: [token],
  });
  const row = rows[0];
  return row === undefined
    ? undefined
    : { tenantId: row.tenant_id, triggerId: row.trigger_id, workflowId: row.workflow_id, config: row.config, sealedSecret: row.sealed_secret, requestsPerMinute: row.requests_per_minute };
}

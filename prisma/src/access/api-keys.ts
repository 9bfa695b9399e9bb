import type pg from "pg";

/** An API key as authentication sees it. */
export interface StoredApiKey {
  readonly id: string;
  readonly agencyId: string;
  /** null: a key of the agency. */
  readonly tenantId: string | null;
  readonly secretHash: Uint8Array;
  readonly scopes: readonly string[];
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
}

/**
 * @param db fluxo_app
 * @returns undefined when there is no key with the id
 */
export async function resolveApiKey(db: pg.Pool, id: string): Promise<StoredApiKey | undefined> {
  const { rows } = await db.query<{
    id: string;
    agency_id: string;
    tenant_id: string | null;
    secret_hash: Uint8Array;
    scopes: string[];
    expires_at: Date | null;
    revoked_at: Date | null;
  }>({ name: "fluxo_resolve_api_key", text: "SELECT * FROM fluxo_resolve_api_key($1)", values: [id] });
  const row = rows[0];
  return row === undefined
    ? undefined
    : {
        id: row.id,
        agencyId: row.agency_id,
        tenantId: row.tenant_id,
        secretHash: row.secret_hash,
        scopes: row.scopes,
        expiresAt: row.expires_at,
        revokedAt: row.revoked_at,
      };
}

import type pg from "pg";

/** An API key as authentication sees it. */
export interface StoredApiKey {
  readonly id: string;
  /** null: a key of the operator. */
  readonly agencyId: string | null;
  /** null: a key of the agency. */
  readonly tenantId: string | null;
  readonly secretHash: Uint8Array;
  /** The secret before the last rotation; accepted until `previousUntil`. Both or none. */
  readonly previousSecretHash: Uint8Array | null;
  readonly previousUntil: Date | null;
  readonly scopes: readonly string[];
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  /** Whether its agency is suspended. */
  readonly isSuspended: boolean;
}

/**
 * @param db fluxo_app
 * @returns undefined when there is no key with the id
 */
export async function resolveApiKey(db: pg.Pool, id: string): Promise<StoredApiKey | undefined> {
  const { rows } = await db.query<{
    id: string;
    agency_id: string | null;
    tenant_id: string | null;
    secret_hash: Uint8Array;
    previous_secret_hash: Uint8Array | null;
    previous_until: Date | null;
    scopes: string[];
    expires_at: Date | null;
    revoked_at: Date | null;
    is_suspended: boolean;
  }>({ name: "fluxo_resolve_api_key", text: "SELECT * FROM fluxo_resolve_api_key($1)", values: [id] });
  const row = rows[0];
  return row === undefined
    ? undefined
    : {
        id: row.id,
        agencyId: row.agency_id,
        tenantId: row.tenant_id,
        secretHash: row.secret_hash,
        previousSecretHash: row.previous_secret_hash,
        previousUntil: row.previous_until,
        scopes: row.scopes,
        expiresAt: row.expires_at,
        revokedAt: row.revoked_at,
        isSuspended: row.is_suspended,
      };
}

/** Notes when keys were last used; at most once a minute per key, however often it is told. @param db fluxo_app @param uses key id → instant */
export async function noteKeyUses(db: pg.Pool, uses: ReadonlyMap<string, Date>): Promise<void> {
  await db.query({ name: "fluxo_note_key_uses", text: "SELECT fluxo_note_key_uses($1, $2)", values: [[...uses.keys()], [...uses.values()]] });
}

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
  /** The person that a provisioning token gave it to; null: nobody's. */
  readonly memberId: string | null;
  /** Whether its agency is suspended. */
  readonly isSuspended: boolean;
}

/** One key. @param db fluxo_app @returns undefined when there is no key with the id */
export async function resolveApiKey(db: pg.Pool, id: string): Promise<StoredApiKey | undefined> {
  return (await resolveApiKeys(db, [id])).get(id);
}

interface KeyRow {
  readonly id: string;
  readonly agency_id: string | null;
  readonly tenant_id: string | null;
  readonly secret_hash: Uint8Array;
  readonly previous_secret_hash: Uint8Array | null;
  readonly previous_until: Date | null;
  readonly scopes: string[];
  readonly expires_at: Date | null;
  readonly revoked_at: Date | null;
  readonly member_id: string | null;
  readonly is_suspended: boolean;
}

/** Keys by their ids, in one statement; ids without a key are absent. @param db fluxo_app */
export async function resolveApiKeys(db: pg.Pool, ids: readonly string[]): Promise<Map<string, StoredApiKey>> {
  const { rows } = await db.query<KeyRow>({ name: "fluxo_resolve_api_keys", text: "SELECT * FROM fluxo_resolve_api_keys($1)", values: [ids] });
  return new Map(
    rows.map((row) => [
      row.id,
      {
        id: row.id,
        agencyId: row.agency_id,
        tenantId: row.tenant_id,
        secretHash: row.secret_hash,
        previousSecretHash: row.previous_secret_hash,
        previousUntil: row.previous_until,
        scopes: row.scopes,
        expiresAt: row.expires_at,
        revokedAt: row.revoked_at,
        memberId: row.member_id,
        isSuspended: row.is_suspended,
      },
    ]),
  );
}

/** Notes when keys were last used; at most once a minute per key, however often it is told. @param db fluxo_app @param uses key id → instant */
export async function noteKeyUses(db: pg.Pool, uses: ReadonlyMap<string, Date>): Promise<void> {
  await db.query({ name: "fluxo_note_key_uses", text: "SELECT fluxo_note_key_uses($1, $2)", values: [[...uses.keys()], [...uses.values()]] });
}

import { SecretBoxError, type SecretBox } from "@fluxo/runtime/secrets/box";
import type { TenantKey, Vault } from "@fluxo/runtime/secrets/vault";
import type pg from "pg";

/** What became of one batch. */
export interface RewrapBatch {
  readonly rewrapped: number;
  /** What no key of this process opens; it stays as it is. */
  readonly unreadable: readonly { readonly tenantId: string; readonly rootKeyId: string; readonly error: unknown }[];
}

/** A trigger by its primary key. */
export interface TriggerPlace {
  readonly tenantId: string;
  readonly triggerId: string;
}

const BATCH = 100;
const NIL = "00000000-0000-0000-0000-000000000000";

/**
 * Wraps data keys anew that another root key than the current one wrapped. What they seal stays as it is, so nobody notices: whoever read a key before opens
 * it with the previous root key, whoever reads it after with the current one. Several processes may do this at once.
 * @param db fluxo_system
 */
export async function rewrapBatch(db: pg.Pool, vault: Vault, limit = BATCH): Promise<RewrapBatch> {
  const { rows } = await db.query<{ tenant_id: string; version: number; root_key_id: string; wrapped: Buffer }>("SELECT * FROM fluxo_tenant_keys_stale($1, $2)", [
    await vault.currentRootKeyId(),
    limit,
  ]);
  let rewrapped = 0;
  const unreadable: { tenantId: string; rootKeyId: string; error: unknown }[] = [];
  for (const row of rows) {
    const key: TenantKey = { tenantId: row.tenant_id, version: row.version, rootKeyId: row.root_key_id, wrapped: row.wrapped };
    try {
      rewrapped += await replace(db, key, await vault.rewrap(key));
    } catch (error) {
      if (!(error instanceof SecretBoxError)) throw error;
      unreadable.push({ tenantId: key.tenantId, rootKeyId: key.rootKeyId, error });
    }
  }
  return { rewrapped, unreadable };
}

/**
 * Seals the secrets of triggers anew that another master key sealed; one page of all triggers, by id.
 * @param db fluxo_system
 * @param after where the page before ended
 * @returns where this one ended; undefined for the last
 */
export async function resealTriggerSecrets(db: pg.Pool, box: SecretBox, after: TriggerPlace | undefined, limit = BATCH): Promise<RewrapBatch & { readonly next: TriggerPlace | undefined }> {
  const { rows } = await db.query<{ tenant_id: string; id: string; sealed_secret: Buffer }>(
    "SELECT tenant_id, id, sealed_secret FROM triggers WHERE sealed_secret IS NOT NULL AND (tenant_id, id) > ($1, $2) ORDER BY tenant_id, id LIMIT $3",
    [after?.tenantId ?? NIL, after?.triggerId ?? NIL, limit],
  );
  let rewrapped = 0;
  const unreadable: { tenantId: string; rootKeyId: string; error: unknown }[] = [];
  for (const { tenant_id: tenantId, id, sealed_secret: sealed } of rows.filter((row) => !box.isCurrent(row.sealed_secret))) {
    try {
      const resealed = box.seal(box.open(sealed, [tenantId, id]), [tenantId, id]);
      const { rowCount } = await db.query("UPDATE triggers SET sealed_secret = $4 WHERE tenant_id = $1 AND id = $2 AND sealed_secret = $3", [tenantId, id, sealed, resealed]);
      rewrapped += rowCount ?? 0;
    } catch (error) {
      if (!(error instanceof SecretBoxError)) throw error;
      unreadable.push({ tenantId, rootKeyId: `box:${sealed.subarray(1, 5).toString("hex")}`, error });
    }
  }
  const last = rows.length < limit ? undefined : rows.at(-1);
  return { rewrapped, unreadable, next: last && { tenantId: last.tenant_id, triggerId: last.id } };
}

/** Only in place of what was read: another process may have been first. */
async function replace(db: pg.Pool, old: TenantKey, { rootKeyId, wrapped }: TenantKey): Promise<number> {
  const { rowCount } = await db.query(
    "UPDATE tenant_keys SET root_key_id = $4, wrapped = $5, wrapped_at = clock_timestamp() WHERE tenant_id = $1 AND version = $2 AND root_key_id = $3",
    [old.tenantId, old.version, old.rootKeyId, rootKeyId, Buffer.from(wrapped)],
  );
  return rowCount ?? 0;
}

import type { TenantKey, Vault } from "@fluxo/runtime/secrets/vault";
import type { ScopedDb } from "../database/tenant-db.ts";

/** The data key that seals for a tenant now; made when the tenant has none. @param db of the tenant */
export async function sealingKeyOf(db: ScopedDb, tenantId: string, vault: Vault): Promise<TenantKey> {
  const known = await newestKey(db, tenantId);
  if (known !== undefined) return known;
  const { version, rootKeyId, wrapped } = await vault.createKey(tenantId, 1);
  // Two that come first at once: the key of the one that commits is everybody's.
  await db.tenantKey.createMany({ data: { tenantId, version, rootKeyId, wrapped: Uint8Array.from(wrapped) }, skipDuplicates: true });
  const key = await newestKey(db, tenantId);
  if (key === undefined) throw new Error("The tenant's data key was not written.");
  return key;
}

/** A data key of a tenant by its version. @param db of the tenant */
export function findKey(db: ScopedDb, tenantId: string, version: number): Promise<TenantKey> {
  return db.tenantKey.findUniqueOrThrow({ where: { tenantId_version: { tenantId, version } }, select });
}

const select = { tenantId: true, version: true, rootKeyId: true, wrapped: true } as const;

async function newestKey(db: ScopedDb, tenantId: string): Promise<TenantKey | undefined> {
  return (await db.tenantKey.findFirst({ where: { tenantId }, orderBy: { version: "desc" }, select })) ?? undefined;
}

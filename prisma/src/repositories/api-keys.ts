import type { ScopedDb } from "../database/tenant-db.ts";
import { pageOfRows, type Page } from "./page.ts";

/** An API key of a tenant, without its hash. */
export interface ApiKeyRecord {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly scopes: readonly string[];
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
}

export interface NewApiKey {
  readonly id: string;
  readonly agencyId: string;
  readonly tenantId: string;
  readonly name: string;
  readonly prefix: string;
  readonly secretHash: Uint8Array<ArrayBuffer>;
  readonly scopes: readonly string[];
  readonly expiresAt: Date | null;
}

const select = { id: true, name: true, prefix: true, scopes: true, createdAt: true, expiresAt: true, revokedAt: true } as const;

/** Newest first. @param db of the agency @param beforeId only keys older than this one */
export async function listApiKeys(db: ScopedDb, tenantId: string, limit: number, beforeId?: string): Promise<Page<ApiKeyRecord>> {
  const where = { tenantId, ...(beforeId === undefined ? {} : { id: { lt: beforeId } }) };
  return pageOfRows(await db.apiKey.findMany({ where, select, orderBy: { id: "desc" }, take: limit + 1 }), limit);
}

/** @param db of the agency */
export function createApiKey(db: ScopedDb, { scopes, ...key }: NewApiKey): Promise<ApiKeyRecord> {
  return db.apiKey.create({ data: { ...key, scopes: [...scopes] }, select });
}

/** Revokes a key; one that is revoked keeps its time. @param db of the agency @returns whether the tenant has the key */
export async function revokeApiKey(db: ScopedDb, tenantId: string, id: string, now: Date): Promise<boolean> {
  const revoked = await db.apiKey.updateMany({ where: { id, tenantId, revokedAt: null }, data: { revokedAt: now } });
  return revoked.count > 0 || (await db.apiKey.count({ where: { id, tenantId } })) > 0;
}

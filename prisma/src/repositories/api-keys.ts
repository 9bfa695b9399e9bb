import type { ScopedDb } from "../database/tenant-db.ts";
import { pageOfRows, type Page } from "./page.ts";

/** Whose a key is: a tenant's, an agency's (no tenant) or the operator's (neither). */
export interface KeyOwner {
  readonly agencyId: string | null;
  readonly tenantId: string | null;
}

/** An API key, without its hashes. */
export interface ApiKeyRecord {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly scopes: readonly string[];
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly rotatedAt: Date | null;
  readonly previousUntil: Date | null;
  readonly lastUsedAt: Date | null;
  /** The person that a provisioning token gave it to; null: nobody's. */
  readonly memberId: string | null;
}

export interface NewApiKey extends KeyOwner {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly secretHash: Uint8Array<ArrayBuffer>;
  readonly scopes: readonly string[];
  readonly expiresAt: Date | null;
  /** The person that it is given to; absent: nobody. */
  readonly memberId?: string | undefined;
}

export interface KeyRotation {
  readonly secretHash: Uint8Array<ArrayBuffer>;
  readonly now: Date;
  /** Until when the secret of now is accepted; null ends every earlier one. */
  readonly previousUntil: Date | null;
}

/** `ended`: revoked or expired; `busy`: the secret before is accepted still, or another rotation came first. */
export type RotationOutcome = { readonly kind: "rotated"; readonly key: ApiKeyRecord } | { readonly kind: "missing" | "ended" | "busy" };

const select = { id: true, name: true, prefix: true, scopes: true, createdAt: true, expiresAt: true, revokedAt: true, rotatedAt: true, previousUntil: true, lastUsedAt: true, memberId: true } as const;

/** Newest first. @param db of the owner's agency, or of the operator @param beforeId only keys older than this one */
export async function listApiKeys(db: ScopedDb, { agencyId, tenantId }: KeyOwner, limit: number, beforeId?: string): Promise<Page<ApiKeyRecord>> {
  const where = { agencyId, tenantId, ...(beforeId === undefined ? {} : { id: { lt: beforeId } }) };
  return pageOfRows(await db.apiKey.findMany({ where, select, orderBy: { id: "desc" }, take: limit + 1 }), limit);
}

/** @param db of the owner's agency, or of the operator @returns undefined when the owner has no such key */
export async function findApiKey(db: ScopedDb, { agencyId, tenantId }: KeyOwner, id: string): Promise<ApiKeyRecord | undefined> {
  return (await db.apiKey.findFirst({ where: { id, agencyId, tenantId }, select })) ?? undefined;
}

/** @param db of the owner's agency, or of the operator */
export function createApiKey(db: ScopedDb, { scopes, memberId, ...key }: NewApiKey): Promise<ApiKeyRecord> {
  return db.apiKey.create({ data: { ...key, scopes: [...scopes], ...(memberId === undefined ? {} : { memberId }) }, select });
}

/** Gives a key another secret. Of two rotations at once, one is refused. @param db of the owner's agency, or of the operator */
export async function rotateApiKey(db: ScopedDb, { agencyId, tenantId }: KeyOwner, id: string, { secretHash, now, previousUntil }: KeyRotation): Promise<RotationOutcome> {
  const owned = { id, agencyId, tenantId };
  const found = await db.apiKey.findFirst({ where: owned, select: { ...select, secretHash: true } });
  if (found === null) return { kind: "missing" };
  if (found.revokedAt !== null || (found.expiresAt !== null && found.expiresAt <= now)) return { kind: "ended" };
  if (previousUntil !== null && found.previousUntil !== null && found.previousUntil > now) return { kind: "busy" };
  const previous = previousUntil === null ? { previousSecretHash: null, previousUntil: null } : { previousSecretHash: found.secretHash, previousUntil };
  const rotated = await db.apiKey.updateMany({ where: { ...owned, secretHash: found.secretHash, revokedAt: null }, data: { secretHash, rotatedAt: now, ...previous } });
  if (rotated.count === 0) return { kind: "busy" };
  const { secretHash: _before, ...key } = found;
  return { kind: "rotated", key: { ...key, rotatedAt: now, previousUntil } };
}

/** Revokes a key; one that is revoked keeps its time. @param db of the owner's agency, or of the operator @returns whether the owner has the key */
export async function revokeApiKey(db: ScopedDb, { agencyId, tenantId }: KeyOwner, id: string, now: Date): Promise<boolean> {
  const owned = { id, agencyId, tenantId };
  const revoked = await db.apiKey.updateMany({ where: { ...owned, revokedAt: null }, data: { revokedAt: now } });
  return revoked.count > 0 || (await db.apiKey.count({ where: owned })) > 0;
}

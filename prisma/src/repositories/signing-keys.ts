import type { ScopedDb } from "../database/tenant-db.ts";
import { pageOfRows, type Page } from "./page.ts";

/** What an agency signs provisioning tokens with. Of publicKey and jwksUrl one is null. */
export interface SigningKeyRecord {
  readonly id: string;
  readonly name: string;
  readonly algorithm: "RS256" | "EdDSA";
  /** SPKI, PEM. */
  readonly publicKey: string | null;
  readonly jwksUrl: string | null;
  readonly createdAt: Date;
  readonly revokedAt: Date | null;
  readonly lastUsedAt: Date | null;
}

const select = { id: true, name: true, algorithm: true, publicKey: true, jwksUrl: true, createdAt: true, revokedAt: true, lastUsedAt: true } as const;

/** A check constraint keeps the algorithm to the known ones. */
function typed(row: Omit<SigningKeyRecord, "algorithm"> & { readonly algorithm: string }): SigningKeyRecord {
  return { ...row, algorithm: row.algorithm as SigningKeyRecord["algorithm"] };
}

/** Newest first. @param db of the agency */
export async function listSigningKeys(db: ScopedDb, agencyId: string, limit: number, beforeId?: string): Promise<Page<SigningKeyRecord>> {
  const where = { agencyId, ...(beforeId === undefined ? {} : { id: { lt: beforeId } }) };
  return pageOfRows((await db.signingKey.findMany({ where, select, orderBy: { id: "desc" }, take: limit + 1 })).map(typed), limit);
}

/** @param db of the agency @returns undefined when the agency has no such key */
export async function findSigningKey(db: ScopedDb, agencyId: string, id: string): Promise<SigningKeyRecord | undefined> {
  const row = await db.signingKey.findFirst({ where: { agencyId, id }, select });
  return row === null ? undefined : typed(row);
}

/** Those that are not revoked. @param db of the agency */
export async function findActiveSigningKeys(db: ScopedDb, agencyId: string): Promise<SigningKeyRecord[]> {
  return (await db.signingKey.findMany({ where: { agencyId, revokedAt: null }, select, orderBy: { id: "asc" } })).map(typed);
}

/** @param db of the agency */
export async function createSigningKey(db: ScopedDb, agencyId: string, key: Pick<SigningKeyRecord, "id" | "name" | "algorithm" | "publicKey" | "jwksUrl">): Promise<SigningKeyRecord> {
  return typed(await db.signingKey.create({ data: { agencyId, ...key }, select }));
}

/** Revokes a key; one that is revoked keeps its time. @param db of the agency @returns whether the agency has the key */
export async function revokeSigningKey(db: ScopedDb, agencyId: string, id: string, now: Date): Promise<boolean> {
  const revoked = await db.signingKey.updateMany({ where: { agencyId, id, revokedAt: null }, data: { revokedAt: now } });
  return revoked.count > 0 || (await db.signingKey.count({ where: { agencyId, id } })) > 0;
}

/**
 * Takes a token, and notes the use of its key, unless the key was revoked meanwhile.
 * @param db of the agency
 * @returns false when the token was taken before, or its key is not active any more
 */
export async function takeToken(db: ScopedDb, agencyId: string, token: { readonly keyId: string; readonly idHash: Uint8Array<ArrayBuffer>; readonly expiresAt: Date }, now: Date): Promise<boolean> {
  const used = await db.signingKey.updateMany({ where: { agencyId, id: token.keyId, revokedAt: null }, data: { lastUsedAt: now } });
  if (used.count === 0) return false;
  const taken = await db.provisioningToken.createMany({ data: { agencyId, idHash: token.idHash, expiresAt: token.expiresAt }, skipDuplicates: true });
  return taken.count === 1;
}

import type { JsonObject } from "@fluxo/core/json";
import type { ScopedDb } from "../database/tenant-db.ts";
import { fromJsonb, toJsonColumn } from "../repositories/json.ts";
import { pageOfRows, type Page } from "../repositories/page.ts";

export type CredentialHealth = "UNKNOWN" | "HEALTHY" | "BROKEN";

/** A credential without anything secret. */
export interface CredentialRecord {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly revision: number;
  /** The fields that are no secrets. */
  readonly fields: JsonObject;
  readonly secretNames: readonly string[];
  readonly health: string;
  readonly healthMessage: string | null;
  readonly healthAt: Date | null;
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** The sealed part, with what opening it takes. */
export interface SealedSecrets {
  readonly sealedSecrets: Uint8Array<ArrayBuffer>;
  readonly secretVersion: number;
  readonly keyVersion: number;
}

export interface CredentialFilter {
  readonly kind?: string | undefined;
  readonly expiresBefore?: Date | undefined;
}

/** What a change writes; absent parts stay. */
export interface CredentialChange {
  readonly name?: string;
  readonly expiresAt?: Date | null;
  readonly content?: SealedSecrets & {
    readonly fields: JsonObject;
    readonly secretNames: readonly string[];
    /** Access tokens that were had before no longer count, and what is known of its health neither. */
    readonly isNewGrant: boolean;
  };
}

const select = {
  id: true,
  name: true,
  kind: true,
  revision: true,
  fields: true,
  secretNames: true,
  health: true,
  healthMessage: true,
  healthAt: true,
  expiresAt: true,
  lastUsedAt: true,
  createdAt: true,
  updatedAt: true,
} as const;

type Row = Omit<CredentialRecord, "fields"> & { readonly fields: Parameters<typeof fromJsonb>[0] };

function toRecord({ fields, ...row }: Row): CredentialRecord {
  const shown = fromJsonb(fields);
  return { ...row, fields: typeof shown === "object" && shown !== null && !Array.isArray(shown) ? shown : {} };
}

/** Newest first. @param db of the tenant */
export async function listCredentials(db: ScopedDb, tenantId: string, filter: CredentialFilter, limit: number, beforeId?: string): Promise<Page<CredentialRecord>> {
  const where = {
    tenantId,
    ...(filter.kind === undefined ? {} : { kind: filter.kind }),
    ...(filter.expiresBefore === undefined ? {} : { expiresAt: { lt: filter.expiresBefore } }),
    ...(beforeId === undefined ? {} : { id: { lt: beforeId } }),
  };
  const rows = await db.credential.findMany({ where, select, orderBy: { id: "desc" }, take: limit + 1 });
  return pageOfRows(rows.map(toRecord), limit);
}

/** @param db of the tenant */
export async function findCredential(db: ScopedDb, tenantId: string, id: string): Promise<CredentialRecord | undefined> {
  const row = await db.credential.findUnique({ where: { tenantId_id: { tenantId, id } }, select });
  return row === null ? undefined : toRecord(row);
}

/** @param db of the tenant @throws the unique violation of the name */
export async function createCredential(
  db: ScopedDb,
  tenantId: string,
  credential: SealedSecrets & Pick<CredentialRecord, "id" | "name" | "kind" | "fields" | "secretNames" | "expiresAt">,
): Promise<CredentialRecord> {
  const data = { ...credential, tenantId, fields: toJsonColumn(credential.fields), secretNames: [...credential.secretNames] };
  return toRecord(await db.credential.create({ data, select }));
}

/**
 * Locks a credential against every other change, a rotation of its refresh token among them, and reads its sealed secrets.
 * @param db of the tenant
 */
export async function lockCredential(db: ScopedDb, tenantId: string, id: string): Promise<(CredentialRecord & SealedSecrets) | undefined> {
  const locked = await db.$queryRaw<unknown[]>`SELECT 1 FROM credentials WHERE tenant_id = ${tenantId}::uuid AND id = ${id}::uuid FOR UPDATE`;
  if (locked.length === 0) return undefined;
  const row = await db.credential.findUniqueOrThrow({ where: { tenantId_id: { tenantId, id } }, select: { ...select, sealedSecrets: true, secretVersion: true, keyVersion: true } });
  return { ...toRecord(row), sealedSecrets: row.sealedSecrets, secretVersion: row.secretVersion, keyVersion: row.keyVersion };
}

/** Changes a credential whose lock is held, and raises its revision. @param db of the tenant @throws the unique violation of the name */
export async function changeCredential(db: ScopedDb, tenantId: string, id: string, { name, expiresAt, content }: CredentialChange): Promise<CredentialRecord> {
  const row = await db.credential.update({
    where: { tenantId_id: { tenantId, id } },
    data: {
      revision: { increment: 1 },
      updatedAt: new Date(),
      ...(name === undefined ? {} : { name }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...(content === undefined ? {} : contentData(content)),
    },
    select,
  });
  return toRecord(row);
}

function contentData({ fields, secretNames, sealedSecrets, secretVersion, keyVersion, isNewGrant }: NonNullable<CredentialChange["content"]>) {
  return {
    fields: toJsonColumn(fields),
    secretNames: [...secretNames],
    sealedSecrets,
    secretVersion,
    keyVersion,
    ...(isNewGrant ? { grantVersion: { increment: 1 }, health: "UNKNOWN", healthMessage: null, healthAt: null } : {}),
  };
}

/** Writes what a test of the credential showed. @param db of the tenant */
export async function setHealth(db: ScopedDb, tenantId: string, id: string, health: CredentialHealth, message: string | null, now: Date): Promise<void> {
  await db.credential.updateMany({ where: { tenantId, id }, data: { health, healthMessage: message, healthAt: now } });
}

/** Removes a credential, its tokens and the right of versions to open it. @param db of the tenant */
export async function deleteCredential(db: ScopedDb, tenantId: string, id: string): Promise<void> {
  await db.credential.deleteMany({ where: { tenantId, id } });
}

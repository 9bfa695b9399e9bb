import type pg from "pg";
import type { ScopedDb } from "../database/tenant-db.ts";

/** @param db of the agency @returns undefined when the scope is not that agency's */
export async function findAgencyName(db: ScopedDb, agencyId: string): Promise<string | undefined> {
  return (await db.agency.findUnique({ where: { id: agencyId }, select: { name: true } }))?.name;
}

/** ACTIVE or SUSPENDED. @param db of the agency @returns undefined when the scope is not that agency's */
export async function findAgencyStatus(db: ScopedDb, agencyId: string): Promise<string | undefined> {
  return (await db.agency.findUnique({ where: { id: agencyId }, select: { status: true } }))?.status;
}

export interface AgencyRecord {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
  /** Both or none. */
  readonly errorTenantId: string | null;
  readonly errorWorkflowId: string | null;
}

/** @param db of the agency @returns undefined when the scope is not that agency's */
export async function findAgency(db: ScopedDb, agencyId: string): Promise<AgencyRecord | undefined> {
  const select = { id: true, name: true, createdAt: true, errorTenantId: true, errorWorkflowId: true } as const;
  return (await db.agency.findUnique({ where: { id: agencyId }, select })) ?? undefined;
}

/** Names the error workflow of the agency's tenants, or none. @param db of the agency @returns undefined when the scope is not that agency's */
export async function setAgencyErrorWorkflow(db: ScopedDb, agencyId: string, target: { readonly tenantId: string; readonly workflowId: string } | null): Promise<AgencyRecord | undefined> {
  await db.agency.updateMany({ where: { id: agencyId }, data: { errorTenantId: target?.tenantId ?? null, errorWorkflowId: target?.workflowId ?? null } });
  return findAgency(db, agencyId);
}

/** A key that is made without anybody who could ask for it by the API. */
interface FirstKey {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly secretHash: Uint8Array;
  readonly scopes: readonly string[];
}

/** An agency with its first key. */
export interface NewAgency {
  readonly agencyId: string;
  readonly name: string;
  readonly key: FirstKey;
}

/** Creates an agency and its admin key in one statement. @param db fluxo_system: no agency can create another */
export async function createAgency(db: pg.Pool, { agencyId, name, key }: NewAgency): Promise<void> {
  await db.query(
    `WITH agency AS (INSERT INTO agencies (id, name) VALUES ($1, $2) RETURNING id)
     INSERT INTO api_keys (id, agency_id, name, prefix, secret_hash, scopes) SELECT $3, agency.id, $4, $5, $6, $7 FROM agency`,
    [agencyId, name, key.id, key.name, key.prefix, Buffer.from(key.secretHash), key.scopes],
  );
}

/** Creates a key of the operator. @param db fluxo_system */
export async function createOperatorKey(db: pg.Pool, key: FirstKey): Promise<void> {
  await db.query("INSERT INTO api_keys (id, name, prefix, secret_hash, scopes) VALUES ($1, $2, $3, $4, $5)", [key.id, key.name, key.prefix, Buffer.from(key.secretHash), key.scopes]);
}

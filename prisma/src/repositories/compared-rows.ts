import type { ScopedDb } from "../database/tenant-db.ts";

// NO KEY: what only refers to the row, such as a start of an execution, does not wait.

/** Holds a tenant's row as it is until the transaction ends; waits for whoever changes it now. @param db of the agency */
export async function holdTenant(db: ScopedDb, id: string): Promise<void> {
  await db.$queryRaw`SELECT 1 FROM tenants WHERE id = ${id}::uuid FOR NO KEY UPDATE`;
}

/** As holdTenant, of a workflow. @param db of the tenant */
export async function holdWorkflow(db: ScopedDb, tenantId: string, id: string): Promise<void> {
  await db.$queryRaw`SELECT 1 FROM workflows WHERE tenant_id = ${tenantId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
}

/** As holdTenant, of a credential. @param db of the tenant */
export async function holdCredential(db: ScopedDb, tenantId: string, id: string): Promise<void> {
  await db.$queryRaw`SELECT 1 FROM credentials WHERE tenant_id = ${tenantId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
}

/** As holdTenant, of the tenant that has an external id now. @param db of the agency */
export async function holdTenantByExternalId(db: ScopedDb, agencyId: string, externalId: string): Promise<void> {
  await db.$queryRaw`SELECT 1 FROM tenants WHERE agency_id = ${agencyId}::uuid AND external_id = ${externalId} FOR NO KEY UPDATE`;
}

/** As holdTenant, of an API key. @param db of its agency, or of the operator */
export async function holdApiKey(db: ScopedDb, id: string): Promise<void> {
  await db.$queryRaw`SELECT 1 FROM api_keys WHERE id = ${id}::uuid FOR NO KEY UPDATE`;
}

/** As holdTenant, of a member. @param db of its agency, or of the operator */
export async function holdMember(db: ScopedDb, id: string): Promise<void> {
  await db.$queryRaw`SELECT 1 FROM members WHERE id = ${id}::uuid FOR NO KEY UPDATE`;
}

/** As holdTenant, of all price lists of an agency: they are few, and requests name them in two ways. @param db of the agency */
export async function holdPriceLists(db: ScopedDb, agencyId: string): Promise<void> {
  await db.$queryRaw`SELECT 1 FROM price_lists WHERE agency_id = ${agencyId}::uuid ORDER BY id FOR NO KEY UPDATE`;
}

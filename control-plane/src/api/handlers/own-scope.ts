import type { ScopedDb, TenantDb } from "@fluxo/prisma/database/tenant-db";

/** Works where the things of an agency are seen, or those of the operator. @param agencyId null: the operator */
export function inOwnScope<R>(agencyId: string | null, tenantDb: TenantDb, work: (db: ScopedDb) => Promise<R>): Promise<R> {
  return agencyId === null ? tenantDb.withOperator(work) : tenantDb.withAgency(agencyId, work);
}

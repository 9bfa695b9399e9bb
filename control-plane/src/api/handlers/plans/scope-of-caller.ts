import type { ScopedDb, TenantDb } from "@fluxo/prisma/database/tenant-db";
import type { Access } from "../../access/access.ts";

/** Runs `work` with what the caller itself sees of the plans: the operator's, an agency's, or a tenant's. */
export function inScopeOfCaller<R>({ agencyId, tenantIds, tenantId }: Access, tenantDb: TenantDb, work: (db: ScopedDb) => Promise<R>): Promise<R> {
  if (agencyId === null) return tenantDb.withOperator(work);
  return tenantIds === null || tenantId === null ? tenantDb.withAgency(agencyId, work) : tenantDb.withTenant(tenantId, work);
}

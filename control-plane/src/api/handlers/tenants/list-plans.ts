import type { Routes } from "@fluxo/contracts/http/routes";
import type { ScopedDb, TenantDb } from "@fluxo/prisma/database/tenant-db";
import { listPlans as findPlans } from "@fluxo/prisma/repositories/plans";
import type { Access } from "../../access/access.ts";
import type { Handler } from "../../http/handler.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";

/** GET /v1/plans */
export const listPlans: Handler<Routes["listPlans"]> = async ({ access, query }, { tenantDb }) => {
  const after = idOfPageToken(query.pageToken);
  const page = await inScopeOf(access, tenantDb, (db) => findPlans(db, query.limit, after));
  return { status: 200, body: toIdPage(page, (plan) => plan) };
};

function inScopeOf<R>({ agencyId, tenantId }: Access, tenantDb: TenantDb, work: (db: ScopedDb) => Promise<R>): Promise<R> {
  if (agencyId === null) return tenantDb.withOperator(work);
  return tenantId === null ? tenantDb.withAgency(agencyId, work) : tenantDb.withTenant(tenantId, work);
}

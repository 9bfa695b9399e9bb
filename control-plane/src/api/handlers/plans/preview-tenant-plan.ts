import type { Routes } from "@fluxo/contracts/http/routes";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { entitlementsOf, findPlan } from "@fluxo/prisma/repositories/plans";
import { findTenant } from "@fluxo/prisma/repositories/tenants";
import type { Handler } from "../../http/handler.ts";
import { invalid } from "../../http/validate.ts";
import { notFound } from "../not-found.ts";
import { entitlementChanges, planEffects } from "./plan-effects.ts";
import { inScopeOfCaller } from "./scope-of-caller.ts";

/** POST /v1/tenants/{tenantId}/plan-preview */
export const previewTenantPlan: Handler<Routes["previewTenantPlan"]> = async ({ access, body }, { tenantDb }) => {
  const { tenantId } = access;
  const preview = await inScopeOfCaller(access, tenantDb, async (db: ScopedDb) => {
    const tenant = await findTenant(db, tenantId);
    const present = tenant === undefined ? undefined : await findPlan(db, tenant.planId);
    if (tenant === undefined || present === undefined) throw notFound("tenant");
    const plan = await findPlan(db, body.planId);
    if (plan === undefined) throw invalid([{ path: "/body/planId", code: "unknown", message: "is not a plan of this agency" }]);
    const changes = entitlementChanges(entitlementsOf(present), entitlementsOf(plan));
    return { ...(await planEffects(db, tenantId, { planId: plan.id, name: plan.name, changes: {} }, present.id)), changes };
  });
  return { status: 200, body: { tenantId, planId: body.planId, ...preview } };
};

import type { Routes } from "@fluxo/contracts/http/routes";
import { countActiveWorkflows } from "@fluxo/prisma/repositories/plan-effects";
import { entitlementsOf, findPlanOfTenant } from "@fluxo/prisma/repositories/plans";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";

/** GET /v1/tenants/{tenantId}/entitlements */
export const getTenantEntitlements: Handler<Routes["getTenantEntitlements"]> = async ({ access }, { tenantDb }) => {
  const { tenantId } = access;
  const [plan, workflows] = await tenantDb.withTenant(tenantId, async (db) => [await findPlanOfTenant(db, tenantId), await countActiveWorkflows(db, tenantId)] as const);
  if (plan === undefined) throw notFound("tenant");
  const entitlements = entitlementsOf(plan);
  return {
    status: 200,
    body: {
      tenantId,
      planId: plan.id,
      planCode: plan.code,
      ...entitlements,
      nodeTypesAllowed: [...entitlements.nodeTypesAllowed],
      nodeTypesDenied: [...entitlements.nodeTypesDenied],
      alertPercents: [...entitlements.alertPercents],
      activeWorkflows: workflows.active,
      blockedWorkflows: workflows.beyond,
    },
  };
};

import type { Routes } from "@fluxo/contracts/http/routes";
import { findPlan } from "@fluxo/prisma/repositories/plans";
import { listTenantsOfPlan } from "@fluxo/prisma/repositories/plan-effects";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";
import { planEffects, type PlanEffects } from "./plan-effects.ts";
import { assertKnownTypes } from "./plan-terms.ts";
import { givenOf } from "./update-plan.ts";

/** POST /v1/plans/{planId}/preview */
export const previewPlanChange: Handler<Routes["previewPlanChange"]> = async ({ access, params, query, body }, { tenantDb }) => {
  const { agencyId } = access;
  const { planId } = params;
  const after = idOfPageToken(query.pageToken);
  const changes = givenOf(body);
  assertKnownTypes(changes);
  const { page, affected } = await tenantDb.withAgency(agencyId, async (db) => {
    const plan = await findPlan(db, planId);
    if (plan === undefined || plan.agencyId !== agencyId) throw notFound("plan");
    const tenants = await listTenantsOfPlan(db, agencyId, planId, query.limit, after);
    const found = new Map<string, PlanEffects>();
    for (const { id } of tenants.items) found.set(id, await planEffects(db, id, { planId, name: plan.name, changes }, planId));
    return { page: tenants, affected: found };
  });
  const { data, nextPageToken } = toIdPage(page, ({ id, name }) => ({ tenantId: id, tenantName: name, effects: affected.get(id)?.effects ?? [], blockedWorkflows: affected.get(id)?.blockedWorkflows ?? 0 }));
  return { status: 200, body: { data: data.filter(({ effects }) => effects.some(({ isNew }) => isNew)), nextPageToken } };
};

import { concurrencyClassFor } from "@fluxo/contracts/events/execution-released";
import type { Routes } from "@fluxo/contracts/http/routes";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { applyOperatorPlanChange } from "@fluxo/prisma/repositories/plan-effects";
import { changePlan, createPlan, findPlan, listPlans, lockPlan, type PlanRecord } from "@fluxo/prisma/repositories/plans";
import type { Handler } from "../../http/handler.ts";
import { refuseTakenNames } from "../name-taken.ts";
import { notFound } from "../not-found.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";
import { entityTag } from "../workflows/entity-tag.ts";
import { toPlanAnswer } from "./plan-answer.ts";
import { assertKnownTypes } from "./plan-terms.ts";
import { givenOf } from "./update-plan.ts";

/** GET /v1/operator/plans */
export const listOperatorPlans: Handler<Routes["listOperatorPlans"]> = async ({ query }, { tenantDb }) => {
  const after = idOfPageToken(query.pageToken);
  return { status: 200, body: toIdPage(await tenantDb.withOperator((db) => listPlans(db, query.limit, after)), toPlanAnswer) };
};

/** POST /v1/operator/plans */
export const createOperatorPlan: Handler<Routes["createOperatorPlan"]> = async ({ body }, { tenantDb, ids }) => {
  const { code, name, ...entitlements } = body;
  assertKnownTypes(entitlements);
  const plan = await refuseTakenNames("plan", () => tenantDb.withOperator((db) => createPlan(db, { id: ids.next(), agencyId: null, code, name, entitlements, concurrencyClass: concurrencyClassFor(entitlements.concurrencyMax) })));
  return { status: 201, headers: { Location: `/v1/operator/plans/${plan.id}`, ETag: entityTag(plan.revision) }, body: toPlanAnswer(plan) };
};

/** GET /v1/operator/plans/{planId} */
export const getOperatorPlan: Handler<Routes["getOperatorPlan"]> = async ({ params }, { tenantDb }) => {
  const plan = await tenantDb.withOperator((db) => requireOperatorPlan(db, params.planId));
  return { status: 200, headers: { ETag: entityTag(plan.revision) }, body: toPlanAnswer(plan) };
};

/** PATCH /v1/operator/plans/{planId} */
export const updateOperatorPlan: Handler<Routes["updateOperatorPlan"]> = async ({ params, body }, { tenantDb, clock, announceAccess }) => {
  const { planId } = params;
  const { name, isRetired, ...asked } = body;
  const entitlements = givenOf(asked);
  assertKnownTypes(entitlements);
  const plan = await tenantDb.withOperator(async (db) => {
    await lockPlan(db, planId);
    const found = await requireOperatorPlan(db, planId);
    const retiredAt = isRetired === undefined || isRetired === (found.retiredAt !== null) ? undefined : isRetired ? clock.now() : null;
    const concurrencyClass = entitlements.concurrencyMax === undefined ? undefined : concurrencyClassFor(entitlements.concurrencyMax);
    const changed = await changePlan(db, null, planId, { name, retiredAt, entitlements, concurrencyClass });
    if (Object.keys(entitlements).length > 0) await applyOperatorPlanChange(db, planId);
    return changed;
  });
  if (plan === undefined) throw notFound("plan");
  await announceAccess({ version: 1, kind: "plans" });
  return { status: 200, headers: { ETag: entityTag(plan.revision) }, body: toPlanAnswer(plan) };
};

/** @param db of the operator, who sees no plans but its own @throws RequestError NOT_FOUND */
export async function requireOperatorPlan(db: ScopedDb, planId: string): Promise<PlanRecord> {
  const plan = await findPlan(db, planId);
  if (plan === undefined) throw notFound("plan");
  return plan;
}

import { concurrencyClassFor } from "@fluxo/contracts/events/execution-released";
import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Entitlements } from "@fluxo/core/quota/entitlements";
import { applyPlanChange, changePlan, entitlementsOf, findPlan, lockPlan } from "@fluxo/prisma/repositories/plans";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { entityTag, revisionsOf } from "../workflows/entity-tag.ts";
import { toPlanAnswer } from "./plan-answer.ts";
import { assertKnownTypes, assertWithinAgency } from "./plan-terms.ts";

/** PATCH /v1/plans/{planId} */
export const updatePlan: Handler<Routes["updatePlan"]> = async ({ access, params, headers, body }, { tenantDb, clock, announceAccess }) => {
  const { agencyId } = access;
  const { planId } = params;
  const { name, isRetired, ...asked } = body;
  const entitlements = givenOf(asked);
  assertKnownTypes(entitlements);
  const plan = await tenantDb.withAgency(agencyId, async (db) => {
    await lockPlan(db, planId);
    const found = await findPlan(db, planId);
    if (found === undefined || found.agencyId !== agencyId) throw notFound("plan");
    if (revisionsOf(headers["If-Match"])?.includes(found.revision) === false) {
      throw new RequestError("PRECONDITION_FAILED", { detail: "The plan has another revision by now. Read it again and apply the change to that." });
    }
    if (Object.keys(entitlements).length > 0) await assertWithinAgency(db, agencyId, { ...entitlementsOf(found), ...entitlements });
    const retiredAt = isRetired === undefined || isRetired === (found.retiredAt !== null) ? undefined : isRetired ? clock.now() : null;
    const concurrencyClass = entitlements.concurrencyMax === undefined ? undefined : concurrencyClassFor(entitlements.concurrencyMax);
    const changed = await changePlan(db, agencyId, planId, { name, retiredAt, entitlements, concurrencyClass });
    if (Object.keys(entitlements).length > 0) await applyPlanChange(db, planId);
    return changed;
  });
  if (plan === undefined) throw notFound("plan");
  await announceAccess({ version: 1, kind: "plans" });
  return { status: 200, headers: { ETag: entityTag(plan.revision) }, body: toPlanAnswer(plan) };
};

/** The entitlements that a change names. */
export function givenOf(asked: { readonly [K in keyof Entitlements]?: Entitlements[K] | undefined }): Partial<Entitlements> {
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
}

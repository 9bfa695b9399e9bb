import type { Routes } from "@fluxo/contracts/http/routes";
import { findPlan } from "@fluxo/prisma/repositories/plans";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { entityTag } from "../workflows/entity-tag.ts";
import { toPlanAnswer } from "./plan-answer.ts";
import { inScopeOfCaller } from "./scope-of-caller.ts";

/** GET /v1/plans/{planId} */
export const getPlan: Handler<Routes["getPlan"]> = async ({ access, params }, { tenantDb }) => {
  const plan = await inScopeOfCaller(access, tenantDb, (db) => findPlan(db, params.planId));
  if (plan === undefined) throw notFound("plan");
  return { status: 200, headers: { ETag: entityTag(plan.revision) }, body: toPlanAnswer(plan) };
};

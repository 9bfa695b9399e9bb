import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { deletePlan as removePlan, isStillReferenced } from "@fluxo/prisma/repositories/plans";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";

/** DELETE /v1/plans/{planId} */
export const deletePlan: Handler<Routes["deletePlan"]> = async ({ access, params }, { tenantDb }) => {
  const { agencyId } = access;
  try {
    if (!(await tenantDb.withAgency(agencyId, (db) => removePlan(db, agencyId, params.planId)))) throw notFound("plan");
  } catch (error) {
    if (isStillReferenced(error)) throw new RequestError("PLAN_IN_USE", { cause: error });
    throw error;
  }
  return { status: 204 };
};

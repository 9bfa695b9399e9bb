import type { Routes } from "@fluxo/contracts/http/routes";
import { setAgencyErrorWorkflow } from "@fluxo/prisma/repositories/agencies";
import { findTenant } from "@fluxo/prisma/repositories/tenants";
import type { Handler } from "../../http/handler.ts";
import { invalid } from "../../http/validate.ts";
import { assertErrorWorkflow } from "../error-workflow.ts";
import { notFound } from "../not-found.ts";
import { toAgencyAnswer } from "./agency-answer.ts";

/** PATCH /v1/agency */
export const updateAgency: Handler<Routes["updateAgency"]> = async ({ access, body }, { tenantDb }) => {
  const { agencyId } = access;
  const { errorWorkflow } = body;
  if (errorWorkflow !== null) {
    const tenant = await tenantDb.withAgency(agencyId, (db) => findTenant(db, errorWorkflow.tenantId));
    if (tenant === undefined) throw invalid([{ path: "/body/errorWorkflow/tenantId", code: "unknown", message: "is not a tenant of this agency" }]);
    await assertErrorWorkflow(tenantDb, errorWorkflow.tenantId, errorWorkflow.workflowId, "/body/errorWorkflow/workflowId");
  }
  const agency = await tenantDb.withAgency(agencyId, (db) => setAgencyErrorWorkflow(db, agencyId, errorWorkflow));
  if (agency === undefined) throw notFound("agency");
  return { status: 200, body: toAgencyAnswer(agency) };
};

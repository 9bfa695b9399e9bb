import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { armTriggers, notePeriods } from "@fluxo/prisma/dispatch/arm";
import { findTenant, updateTenant as changeTenant } from "@fluxo/prisma/repositories/tenants";
import type { Handler } from "../../http/handler.ts";
import { invalid } from "../../http/validate.ts";
import { assertErrorWorkflow } from "../error-workflow.ts";
import { refuseTakenNames } from "../name-taken.ts";
import { notFound } from "../not-found.ts";
import { toTenantAnswer } from "./tenant-answer.ts";
import { assertTenantTerms } from "./tenant-terms.ts";

/** PATCH /v1/tenants/{tenantId} */
export const updateTenant: Handler<Routes["updateTenant"]> = async ({ access, params, body }, { tenantDb, announceAccess }) => {
  const found = await tenantDb.withAgency(access.agencyId, (db) => findTenant(db, params.tenantId));
  if (found === undefined) throw notFound("tenant");
  if (found.status === "OFFBOARDING") throw new RequestError("TENANT_OFFBOARDING");
  if (typeof body.suspensionReason === "string" && (body.status ?? found.status) !== "SUSPENDED") throw invalid([{ path: "/body/suspensionReason", code: "invalid_value", message: "goes with a suspended tenant only" }]);
  await assertErrorWorkflow(tenantDb, found.id, body.errorWorkflowId, "/body/errorWorkflowId");
  const tenant = await refuseTakenNames("tenant", () =>
    tenantDb.withAgency(access.agencyId, async (db) => {
      await assertTenantTerms(db, body, found.planId);
      const changed = await changeTenant(db, access.agencyId, params.tenantId, body);
      if (body.status === "ACTIVE") await armTriggers(db, params.tenantId);
      if (changed !== undefined && body.status !== undefined) await notePeriods(db, params.tenantId);
      return changed;
    }),
  );
  if (tenant === undefined) throw new RequestError("TENANT_OFFBOARDING");
  if (body.planId !== undefined) await announceAccess({ version: 1, kind: "plans" });
  return { status: 200, body: toTenantAnswer(tenant) };
};

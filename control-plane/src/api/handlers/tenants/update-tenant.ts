import type { Routes } from "@fluxo/contracts/http/routes";
import { findTenant, updateTenant as changeTenant } from "@fluxo/prisma/repositories/tenants";
import type { Handler } from "../../http/handler.ts";
import { refuseTakenNames } from "../name-taken.ts";
import { notFound } from "../not-found.ts";
import { toTenantAnswer } from "./tenant-answer.ts";
import { assertTenantTerms } from "./tenant-terms.ts";

/** PATCH /v1/tenants/{tenantId} */
export const updateTenant: Handler<Routes["updateTenant"]> = async ({ access, params, body }, { tenantDb }) => {
  const tenant = await refuseTakenNames("tenant", () =>
    tenantDb.withAgency(access.agencyId, async (db) => {
      if ((await findTenant(db, params.tenantId)) === undefined) throw notFound("tenant");
      await assertTenantTerms(db, body);
      return changeTenant(db, access.agencyId, params.tenantId, body);
    }),
  );
  if (tenant === undefined) throw notFound("tenant");
  return { status: 200, body: toTenantAnswer(tenant) };
};

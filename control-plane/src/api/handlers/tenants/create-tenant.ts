import type { Routes } from "@fluxo/contracts/http/routes";
import { createTenant as insertTenant } from "@fluxo/prisma/repositories/tenants";
import type { Handler } from "../../http/handler.ts";
import { refuseTakenNames } from "../name-taken.ts";
import { toTenantAnswer } from "./tenant-answer.ts";
import { assertTenantTerms } from "./tenant-terms.ts";

/** POST /v1/tenants */
export const createTenant: Handler<Routes["createTenant"]> = async ({ access, body }, { tenantDb, ids }) => {
  const { name, planId, timeZone, externalId = null } = body;
  const { agencyId } = access;
  const tenant = await refuseTakenNames("tenant", () =>
    tenantDb.withAgency(agencyId, async (db) => {
      await assertTenantTerms(db, body);
      return insertTenant(db, { id: ids.next(), agencyId, name, planId, timeZone, externalId });
    }),
  );
  return { status: 201, headers: { Location: `/v1/tenants/${tenant.id}` }, body: toTenantAnswer(tenant) };
};

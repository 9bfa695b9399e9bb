import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { notePeriods } from "@fluxo/prisma/dispatch/arm";
import { beginOffBoarding as begin } from "@fluxo/prisma/off-boarding/off-boardings";
import { findTenant } from "@fluxo/prisma/repositories/tenants";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { toOffBoardingSummary } from "./off-boarding-answer.ts";

/** POST /v1/tenants/{tenantId}/off-boarding */
export const beginOffBoarding: Handler<Routes["beginOffBoarding"]> = async ({ access, params }, { tenantDb, ids }) => {
  const { agencyId, actor } = access;
  const { tenantId } = params;
  const begun = await tenantDb.withAgency(agencyId, async (db) => {
    if ((await findTenant(db, tenantId)) === undefined) throw notFound("tenant");
    const record = await begin(db, { agencyId, id: ids.next(), tenantId, by: actor });
    if (record === undefined) throw new RequestError("TENANT_OFFBOARDING");
    await notePeriods(db, tenantId);
    return record;
  });
  return { status: 202, headers: { Location: `/v1/off-boardings/${begun.id}` }, body: toOffBoardingSummary(begun) };
};

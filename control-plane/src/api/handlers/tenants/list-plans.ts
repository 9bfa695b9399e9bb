import type { Routes } from "@fluxo/contracts/http/routes";
import { listPlans as findPlans } from "@fluxo/prisma/repositories/plans";
import type { Handler } from "../../http/handler.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";

/** GET /v1/plans */
export const listPlans: Handler<Routes["listPlans"]> = async ({ access, query }, { tenantDb }) => {
  const after = idOfPageToken(query.pageToken);
  const page =
    access.tenantId === null
      ? await tenantDb.withAgency(access.agencyId, (db) => findPlans(db, query.limit, after))
      : await tenantDb.withTenant(access.tenantId, (db) => findPlans(db, query.limit, after));
  return { status: 200, body: toIdPage(page, (plan) => plan) };
};

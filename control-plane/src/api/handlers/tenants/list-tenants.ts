import type { Routes } from "@fluxo/contracts/http/routes";
import { listTenants as findTenants } from "@fluxo/prisma/repositories/tenants";
import type { Handler } from "../../http/handler.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";
import { toTenantAnswer } from "./tenant-answer.ts";

/** GET /v1/tenants */
export const listTenants: Handler<Routes["listTenants"]> = async ({ access, query }, { tenantDb }) => {
  const { limit, pageToken, ...filter } = query;
  const before = idOfPageToken(pageToken);
  const page = await tenantDb.withAgency(access.agencyId, (db) => findTenants(db, access.agencyId, filter, limit, before));
  return { status: 200, body: toIdPage(page, toTenantAnswer) };
};

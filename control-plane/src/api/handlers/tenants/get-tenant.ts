import type { Routes } from "@fluxo/contracts/http/routes";
import { findTenant } from "@fluxo/prisma/repositories/tenants";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { toTenantAnswer } from "./tenant-answer.ts";

/** GET /v1/tenants/{tenantId} */
export const getTenant: Handler<Routes["getTenant"]> = async ({ access }, { tenantDb }) => {
  const tenant = await tenantDb.withTenant(access.tenantId, (db) => findTenant(db, access.tenantId));
  if (tenant === undefined) throw notFound("tenant");
  return { status: 200, body: toTenantAnswer(tenant) };
};

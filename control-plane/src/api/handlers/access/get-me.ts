import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { findAgencyName } from "@fluxo/prisma/repositories/agencies";
import { findTenant } from "@fluxo/prisma/repositories/tenants";
import type { Handler } from "../../http/handler.ts";
import { toInstant } from "../instants.ts";

/** GET /v1/me */
export const getMe: Handler<Routes["getMe"]> = async ({ access }, { tenantDb }) => {
  const { keyId, agencyId, tenantId, scopes, expiresAt } = access;
  const key = { keyId, scopes: [...scopes], expiresAt: toInstant(expiresAt) };
  if (tenantId === null) {
    const name = await tenantDb.withAgency(agencyId, (db) => findAgencyName(db, agencyId));
    return { status: 200, body: { ...key, agency: { id: agencyId, name: name ?? null }, tenant: null } };
  }
  const tenant = await tenantDb.withTenant(tenantId, (db) => findTenant(db, tenantId));
  if (tenant === undefined) throw new RequestError("UNAUTHENTICATED");
  return { status: 200, body: { ...key, agency: { id: agencyId, name: null }, tenant: { id: tenantId, name: tenant.name } } };
};

import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { findAgencyName } from "@fluxo/prisma/repositories/agencies";
import { findTenant } from "@fluxo/prisma/repositories/tenants";
import type { Handler } from "../../http/handler.ts";
import { toInstant } from "../instants.ts";

/** GET /v1/me */
export const getMe: Handler<Routes["getMe"]> = async ({ access }, { tenantDb }) => {
  const { actor, agencyId, tenantId, tenantIds, scopes, expiresAt } = access;
  const me = { actor, tenantIds: tenantIds === null ? null : [...tenantIds], scopes: [...scopes], expiresAt: toInstant(expiresAt) };
  if (agencyId === null) return { status: 200, body: { ...me, agency: null, tenant: null } };
  if (tenantId === null) {
    const name = await tenantDb.withAgency(agencyId, (db) => findAgencyName(db, agencyId));
    return { status: 200, body: { ...me, agency: { id: agencyId, name: name ?? null }, tenant: null } };
  }
  const tenant = await tenantDb.withTenant(tenantId, (db) => findTenant(db, tenantId));
  if (tenant === undefined) throw new RequestError("UNAUTHENTICATED");
  return { status: 200, body: { ...me, agency: { id: agencyId, name: null }, tenant: { id: tenantId, name: tenant.name } } };
};

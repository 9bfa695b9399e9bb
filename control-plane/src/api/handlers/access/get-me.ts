import type { Routes } from "@fluxo/contracts/http/routes";
import { roleSchema } from "@fluxo/contracts/http/roles";
import { RequestError } from "@fluxo/core/errors/request-error";
import { membershipsOf } from "@fluxo/prisma/access/sessions";
import { findAgencyName } from "@fluxo/prisma/repositories/agencies";
import { findTenant } from "@fluxo/prisma/repositories/tenants";
import type pg from "pg";
import type { Handler } from "../../http/handler.ts";
import { toInstant } from "../instants.ts";

/** GET /v1/me */
export const getMe: Handler<Routes["getMe"]> = async ({ access }, { tenantDb, pool }) => {
  const { actor, agencyId, tenantId, tenantIds, scopes, expiresAt, sessionId } = access;
  const member = sessionId === null ? null : await memberOf(sessionId, pool);
  const me = { actor, member, tenantIds: tenantIds === null ? null : [...tenantIds], scopes: [...scopes], expiresAt: toInstant(expiresAt) };
  if (agencyId === null) return { status: 200, body: { ...me, agency: null, tenant: null } };
  if (tenantId === null) {
    const name = await tenantDb.withAgency(agencyId, (db) => findAgencyName(db, agencyId));
    return { status: 200, body: { ...me, agency: { id: agencyId, name: name ?? null }, tenant: null } };
  }
  const tenant = await tenantDb.withTenant(tenantId, (db) => findTenant(db, tenantId));
  if (tenant === undefined) throw new RequestError("UNAUTHENTICATED");
  return { status: 200, body: { ...me, agency: { id: agencyId, name: null }, tenant: { id: tenantId, name: tenant.name } } };
};

async function memberOf(sessionId: string, pool: pg.Pool) {
  const all = await membershipsOf(pool, sessionId);
  const current = all.find(({ isCurrent }) => isCurrent);
  if (current === undefined) throw new RequestError("UNAUTHENTICATED");
  const memberships = all.map(({ memberId, agencyId, agencyName, role, isCurrent }) => ({
    memberId,
    agency: agencyId === null ? null : { id: agencyId, name: agencyName ?? "" },
    role: roleSchema.parse(role),
    isCurrent,
  }));
  return { email: current.email, name: current.name, role: roleSchema.parse(current.role), memberships };
}

import { roleSchema, scopesOfRole } from "@fluxo/contracts/http/roles";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { findMember, foreignTenants, fullTenants, type MemberRecord } from "@fluxo/prisma/repositories/members";
import type { Access } from "../../access/access.ts";
import { invalid } from "../../http/validate.ts";
import { notFound } from "../not-found.ts";

/** Nobody gives a role, or takes it away, that may do more than the caller itself. @throws RequestError SCOPE_MISSING */
export function assertMayHandle(access: Access, role: string): void {
  const missing = [...scopesOfRole(roleSchema.parse(role), false)].filter((scope) => !access.scopes.has(scope));
  if (missing.length > 0) throw new RequestError("SCOPE_MISSING", { detail: `The role ${role} may do what the caller may not: ${missing.join(", ")}.` });
}

/** The member, for a change of it. @param db of the agency, or of the operator @throws RequestError NOT_FOUND, STATE_CONFLICT for oneself, SCOPE_MISSING */
export async function requireOther(db: ScopedDb, access: Access, memberId: string): Promise<MemberRecord> {
  const member = await findMember(db, access.agencyId, memberId);
  if (member === undefined) throw notFound("member");
  if (access.actor.kind === "member" && access.actor.id === memberId) throw new RequestError("STATE_CONFLICT", { detail: "A member cannot change or remove itself; another admin can." });
  assertMayHandle(access, member.role);
  return member;
}

/**
 * Refuses tenants that the agency does not have, and those whose plan has no seat left. Members of the agency as a whole take no seat of a tenant.
 * @param db of the agency
 * @throws RequestError VALIDATION_FAILED, SEATS_EXCEEDED
 */
export async function assertTenantsFor(db: ScopedDb, agencyId: string, memberId: string, tenantIds: readonly string[] | null | undefined, now: Date): Promise<void> {
  if (tenantIds === null || tenantIds === undefined) return;
  const foreign = new Set(await foreignTenants(db, agencyId, tenantIds));
  if (foreign.size > 0) throw invalid(tenantIds.flatMap((id, index) => (foreign.has(id) ? [{ path: `/body/tenantIds/${index}`, code: "unknown", message: "is not a tenant of this agency" }] : [])));
  const full = new Map((await fullTenants(db, tenantIds, memberId, now)).map(({ tenantId, seatsMax }) => [tenantId, seatsMax]));
  if (full.size === 0) return;
  const issues = tenantIds.flatMap((id, index) => (full.has(id) ? [{ path: `/body/tenantIds/${index}`, code: "no_seat", message: `has ${full.get(id)} seats, and they are taken` }] : []));
  throw new RequestError("SEATS_EXCEEDED", { issues });
}

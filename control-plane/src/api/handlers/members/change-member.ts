import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { endSessions, findMember, removeMember as remove, updateMember as update } from "@fluxo/prisma/repositories/members";
import { endMemberKeys, restoreProvisionedMember, revokeProvisionedMember } from "@fluxo/prisma/repositories/provisioned-members";
import type { Access } from "../../access/access.ts";
import type { Handler } from "../../http/handler.ts";
import type { ApiServices } from "../../services.ts";
import { notFound } from "../not-found.ts";
import { inOwnScope } from "../own-scope.ts";
import { memberAnswers } from "./member-answer.ts";
import { assertMayHandle, assertTenantsFor, requireOther } from "./member-rules.ts";

/** PATCH /v1/agency/members/{memberId} */
export const updateMember: Handler<Routes["updateMember"]> = async ({ access, params, body }, services) => {
  const { tenantDb, clock, announceAccess } = services;
  const { agencyId } = access;
  const member = await tenantDb.withAgency(agencyId, async (db) => {
    const { provisioned } = await requireOther(db, access, params.memberId);
    if (provisioned !== null) throw new RequestError("STATE_CONFLICT", { detail: "The member was provisioned: the tokens of the agency's own systems say its role, and its tenant is theirs." });
    if (body.role !== undefined) assertMayHandle(access, body.role);
    await assertTenantsFor(db, agencyId, params.memberId, body.tenantIds, clock.now());
    return update(db, agencyId, params.memberId, body);
  });
  if (member === undefined) throw notFound("member");
  await announceAccess({ version: 1, kind: "sessions" });
  return { status: 200, body: memberAnswers(services)(member) };
};

/** DELETE /v1/agency/members/{memberId} */
export const removeMember: Handler<Routes["removeMember"]> = async ({ access, params }, services) => {
  await removeOther(access, params.memberId, services);
  return { status: 204 };
};

/** DELETE /v1/operator/members/{memberId} */
export const removeOperatorMember: Handler<Routes["removeOperatorMember"]> = async ({ access, params }, services) => {
  await removeOther(access, params.memberId, services);
  return { status: 204 };
};

/** POST /v1/agency/members/{memberId}/restore */
export const restoreMember: Handler<Routes["restoreMember"]> = async ({ access, params }, services) => {
  const { tenantDb, clock } = services;
  const { agencyId } = access;
  const member = await tenantDb.withAgency(agencyId, async (db) => {
    const { id, provisioned, revokedAt } = await requireOther(db, access, params.memberId);
    if (provisioned === null || revokedAt === null) throw new RequestError("STATE_CONFLICT", { detail: "The member is not revoked." });
    await assertTenantsFor(db, agencyId, id, [provisioned.tenantId], clock.now());
    await restoreProvisionedMember(db, agencyId, id, provisioned.tenantId);
    return findMember(db, agencyId, id);
  });
  if (member === undefined) throw notFound("member");
  return { status: 200, body: memberAnswers(services)(member) };
};

/** DELETE /v1/agency/members/{memberId}/sessions */
export const endMemberSessions: Handler<Routes["endMemberSessions"]> = async ({ access, params }, services) => {
  await signOutOther(access, params.memberId, services);
  return { status: 204 };
};

/** DELETE /v1/operator/members/{memberId}/sessions */
export const endOperatorMemberSessions: Handler<Routes["endOperatorMemberSessions"]> = async ({ access, params }, services) => {
  await signOutOther(access, params.memberId, services);
  return { status: 204 };
};

async function removeOther(access: Access, memberId: string, services: ApiServices): Promise<void> {
  const { agencyId } = access;
  const endedKeyIds = await inOwnScope(agencyId, services.tenantDb, async (db) => {
    const { provisioned } = await requireOther(db, access, memberId);
    if (agencyId !== null && provisioned !== null) return revokeProvisionedMember(db, agencyId, memberId, services.clock.now());
    await remove(db, agencyId, memberId);
    return [];
  });
  await announceEnd(endedKeyIds, services);
}

async function signOutOther(access: Access, memberId: string, services: ApiServices): Promise<void> {
  const { agencyId } = access;
  const endedKeyIds = await inOwnScope(agencyId, services.tenantDb, async (db) => {
    const { provisioned } = await requireOther(db, access, memberId);
    await endSessions(db, memberId);
    return agencyId === null || provisioned === null ? [] : endMemberKeys(db, agencyId, memberId, services.clock.now());
  });
  await announceEnd(endedKeyIds, services);
}

async function announceEnd(keyIds: readonly string[], { announceAccess }: ApiServices): Promise<void> {
  for (const id of keyIds) await announceAccess({ version: 1, kind: "apiKey", id });
  await announceAccess({ version: 1, kind: "sessions" });
}

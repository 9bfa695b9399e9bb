import type { Routes } from "@fluxo/contracts/http/routes";
import { endSessions, removeMember as remove, updateMember as update } from "@fluxo/prisma/repositories/members";
import type { Access } from "../../access/access.ts";
import type { Handler } from "../../http/handler.ts";
import type { ApiServices } from "../../services.ts";
import { notFound } from "../not-found.ts";
import { inOwnScope } from "../own-scope.ts";
import { toMemberAnswer } from "./member-answer.ts";
import { assertMayHandle, assertTenantsFor, requireOther } from "./member-rules.ts";

/** PATCH /v1/agency/members/{memberId} */
export const updateMember: Handler<Routes["updateMember"]> = async ({ access, params, body }, { tenantDb, announceAccess }) => {
  const { agencyId } = access;
  const member = await tenantDb.withAgency(agencyId, async (db) => {
    await requireOther(db, access, params.memberId);
    if (body.role !== undefined) assertMayHandle(access, body.role);
    await assertTenantsFor(db, agencyId, params.memberId, body.tenantIds);
    return update(db, agencyId, params.memberId, body);
  });
  if (member === undefined) throw notFound("member");
  await announceAccess({ version: 1, kind: "sessions" });
  return { status: 200, body: toMemberAnswer(member) };
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

async function removeOther(access: Access, memberId: string, { tenantDb, announceAccess }: ApiServices): Promise<void> {
  await inOwnScope(access.agencyId, tenantDb, async (db) => {
    await requireOther(db, access, memberId);
    await remove(db, access.agencyId, memberId);
  });
  await announceAccess({ version: 1, kind: "sessions" });
}

async function signOutOther(access: Access, memberId: string, { tenantDb, announceAccess }: ApiServices): Promise<void> {
  await inOwnScope(access.agencyId, tenantDb, async (db) => {
    await requireOther(db, access, memberId);
    await endSessions(db, memberId);
  });
  await announceAccess({ version: 1, kind: "sessions" });
}

import { INVITATION_DAYS } from "@fluxo/contracts/http/members";
import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Clock } from "@fluxo/core/ports/clock";
import { inviteMember as invite, renewInvitation as renew, type MemberRecord } from "@fluxo/prisma/repositories/members";
import type { Access } from "../../access/access.ts";
import type { Handler } from "../../http/handler.ts";
import type { ApiServices } from "../../services.ts";
import { refuseTakenNames } from "../name-taken.ts";
import { inOwnScope } from "../own-scope.ts";
import { memberAnswers } from "./member-answer.ts";
import { assertMayHandle, assertTenantsFor, requireOther } from "./member-rules.ts";

const DAY_MS = 86_400_000;

/** POST /v1/agency/members */
export const inviteMember: Handler<Routes["inviteMember"]> = async ({ access, body }, services) => {
  const { tenantDb, clock, ids } = services;
  const { agencyId } = access;
  const { email, role, tenantIds, expiresInDays } = body;
  assertMayHandle(access, role);
  const id = ids.next();
  const member = await refuseTakenNames("member", () =>
    tenantDb.withAgency(agencyId, async (db) => {
      await assertTenantsFor(db, agencyId, id, tenantIds, clock.now());
      return invite(db, { id, agencyId, email, role, tenantIds, invitationExpiresAt: inDays(clock, expiresInDays) });
    }),
  );
  return { status: 201, headers: { Location: `/v1/agency/members/${member.id}` }, body: memberAnswers(services)(member) };
};

/** POST /v1/operator/members */
export const inviteOperatorMember: Handler<Routes["inviteOperatorMember"]> = async ({ access, body }, services) => {
  const { tenantDb, clock, ids } = services;
  const { email, expiresInDays } = body;
  assertMayHandle(access, "operator");
  const member = await refuseTakenNames("member", () => tenantDb.withOperator((db) => invite(db, { id: ids.next(), agencyId: null, email, role: "operator", tenantIds: null, invitationExpiresAt: inDays(clock, expiresInDays) })));
  return { status: 201, headers: { Location: `/v1/operator/members/${member.id}` }, body: memberAnswers(services)(member) };
};

/** POST /v1/agency/members/{memberId}/invitation */
export const renewInvitation: Handler<Routes["renewInvitation"]> = async ({ access, params, body }, services) => {
  return { status: 200, body: memberAnswers(services)(await renewOther(access, params.memberId, body?.expiresInDays, services)) };
};

/** POST /v1/operator/members/{memberId}/invitation */
export const renewOperatorInvitation: Handler<Routes["renewOperatorInvitation"]> = async ({ access, params, body }, services) => {
  return { status: 200, body: memberAnswers(services)(await renewOther(access, params.memberId, body?.expiresInDays, services)) };
};

/** @throws RequestError NOT_FOUND, STATE_CONFLICT, SCOPE_MISSING, SEATS_EXCEEDED */
async function renewOther(access: Access, memberId: string, days: number | undefined, { tenantDb, clock }: ApiServices): Promise<MemberRecord> {
  const { agencyId } = access;
  const renewed = await inOwnScope(agencyId, tenantDb, async (db) => {
    const { tenantIds } = await requireOther(db, access, memberId);
    if (agencyId !== null) await assertTenantsFor(db, agencyId, memberId, tenantIds, clock.now());
    return renew(db, agencyId, memberId, inDays(clock, days ?? INVITATION_DAYS));
  });
  if (renewed === undefined) throw new RequestError("STATE_CONFLICT", { detail: "The member has no open invitation: it signed in already, or was provisioned." });
  return renewed;
}

function inDays(clock: Clock, days: number): Date {
  return new Date(clock.now().getTime() + days * DAY_MS);
}

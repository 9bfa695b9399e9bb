import type { Routes } from "@fluxo/contracts/http/routes";
import { inviteMember as invite } from "@fluxo/prisma/repositories/members";
import type { Handler } from "../../http/handler.ts";
import { refuseTakenNames } from "../name-taken.ts";
import { toMemberAnswer } from "./member-answer.ts";
import { assertMayHandle, assertTenantsFor } from "./member-rules.ts";

/** POST /v1/agency/members */
export const inviteMember: Handler<Routes["inviteMember"]> = async ({ access, body }, { tenantDb, ids }) => {
  const { agencyId } = access;
  const { email, role, tenantIds } = body;
  assertMayHandle(access, role);
  const id = ids.next();
  const member = await refuseTakenNames("member", () =>
    tenantDb.withAgency(agencyId, async (db) => {
      await assertTenantsFor(db, agencyId, id, tenantIds);
      return invite(db, { id, agencyId, email, role, tenantIds });
    }),
  );
  return { status: 201, headers: { Location: `/v1/agency/members/${member.id}` }, body: toMemberAnswer(member) };
};

/** POST /v1/operator/members */
export const inviteOperatorMember: Handler<Routes["inviteOperatorMember"]> = async ({ access, body }, { tenantDb, ids }) => {
  assertMayHandle(access, "operator");
  const member = await refuseTakenNames("member", () => tenantDb.withOperator((db) => invite(db, { id: ids.next(), agencyId: null, email: body.email, role: "operator", tenantIds: null })));
  return { status: 201, headers: { Location: `/v1/operator/members/${member.id}` }, body: toMemberAnswer(member) };
};

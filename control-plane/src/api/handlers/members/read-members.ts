import type { Routes } from "@fluxo/contracts/http/routes";
import type { TenantDb } from "@fluxo/prisma/database/tenant-db";
import { findMember, listMembers as findMembers } from "@fluxo/prisma/repositories/members";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { inOwnScope } from "../own-scope.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";
import { toMemberAnswer } from "./member-answer.ts";

/** GET /v1/agency/members */
export const listMembers: Handler<Routes["listMembers"]> = async ({ access, query }, { tenantDb }) => ({ status: 200, body: await pageOf(access.agencyId, query, tenantDb, query.tenantId) });

/** GET /v1/operator/members */
export const listOperatorMembers: Handler<Routes["listOperatorMembers"]> = async ({ query }, { tenantDb }) => ({ status: 200, body: await pageOf(null, query, tenantDb) });

/** GET /v1/agency/members/{memberId} */
export const getMember: Handler<Routes["getMember"]> = async ({ access, params }, { tenantDb }) => ({ status: 200, body: await one(access.agencyId, params.memberId, tenantDb) });

/** GET /v1/operator/members/{memberId} */
export const getOperatorMember: Handler<Routes["getOperatorMember"]> = async ({ params }, { tenantDb }) => ({ status: 200, body: await one(null, params.memberId, tenantDb) });

async function pageOf(agencyId: string | null, { limit, pageToken }: { readonly limit: number; readonly pageToken?: string | undefined }, tenantDb: TenantDb, tenantId?: string) {
  const before = idOfPageToken(pageToken);
  return toIdPage(await inOwnScope(agencyId, tenantDb, (db) => findMembers(db, agencyId, limit, before, tenantId)), toMemberAnswer);
}

async function one(agencyId: string | null, memberId: string, tenantDb: TenantDb) {
  const member = await inOwnScope(agencyId, tenantDb, (db) => findMember(db, agencyId, memberId));
  if (member === undefined) throw notFound("member");
  return toMemberAnswer(member);
}

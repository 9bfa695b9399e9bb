import type { Routes } from "@fluxo/contracts/http/routes";
import { findMember, listMembers as findMembers } from "@fluxo/prisma/repositories/members";
import type { Handler } from "../../http/handler.ts";
import type { ApiServices } from "../../services.ts";
import { notFound } from "../not-found.ts";
import { inOwnScope } from "../own-scope.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";
import { memberAnswers } from "./member-answer.ts";

/** GET /v1/agency/members */
export const listMembers: Handler<Routes["listMembers"]> = async ({ access, query }, services) => ({ status: 200, body: await pageOf(access.agencyId, query, services, query.tenantId) });

/** GET /v1/operator/members */
export const listOperatorMembers: Handler<Routes["listOperatorMembers"]> = async ({ query }, services) => ({ status: 200, body: await pageOf(null, query, services) });

/** GET /v1/agency/members/{memberId} */
export const getMember: Handler<Routes["getMember"]> = async ({ access, params }, services) => ({ status: 200, body: await one(access.agencyId, params.memberId, services) });

/** GET /v1/operator/members/{memberId} */
export const getOperatorMember: Handler<Routes["getOperatorMember"]> = async ({ params }, services) => ({ status: 200, body: await one(null, params.memberId, services) });

async function pageOf(agencyId: string | null, { limit, pageToken }: { readonly limit: number; readonly pageToken?: string | undefined }, services: ApiServices, tenantId?: string) {
  const before = idOfPageToken(pageToken);
  return toIdPage(await inOwnScope(agencyId, services.tenantDb, (db) => findMembers(db, agencyId, limit, before, tenantId)), memberAnswers(services));
}

async function one(agencyId: string | null, memberId: string, services: ApiServices) {
  const member = await inOwnScope(agencyId, services.tenantDb, (db) => findMember(db, agencyId, memberId));
  if (member === undefined) throw notFound("member");
  return memberAnswers(services)(member);
}

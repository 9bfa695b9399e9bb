import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { switchSession } from "@fluxo/prisma/access/sessions";
import { endSessions, listSessions } from "@fluxo/prisma/repositories/members";
import type { Access } from "../../access/access.ts";
import type { Handler } from "../../http/handler.ts";
import { toInstant } from "../instants.ts";
import { notFound } from "../not-found.ts";
import { wantsPage } from "../../sign-in/page.ts";
import { SIGNED_OUT } from "../../sign-in/pages.ts";
import { inOwnScope } from "../own-scope.ts";

/** GET /v1/me/sessions */
export const listMySessions: Handler<Routes["listMySessions"]> = async ({ access }, { tenantDb, clock }) => {
  const sessionId = sessionOf(access);
  const sessions = await inOwnScope(access.agencyId, tenantDb, (db) => listSessions(db, access.actor.id, clock.now()));
  const data = sessions.map(({ id, createdAt, lastSeenAt, expiresAt, ip, userAgent }) => ({ id, isCurrent: id === sessionId, createdAt: toInstant(createdAt), lastSeenAt: toInstant(lastSeenAt), expiresAt: toInstant(expiresAt), ip, userAgent }));
  return { status: 200, body: { data } };
};

/** DELETE /v1/me/sessions/{sessionId} */
export const endMySession: Handler<Routes["endMySession"]> = async ({ access, params }, { tenantDb, announceAccess }) => {
  sessionOf(access);
  const ended = await inOwnScope(access.agencyId, tenantDb, (db) => endSessions(db, access.actor.id, params.sessionId));
  if (ended === 0) throw notFound("session");
  await announceAccess({ version: 1, kind: "sessions" });
  return { status: 204 };
};

/** POST /auth/logout */
export const signOut: Handler<Routes["signOut"]> = async ({ access, headers, context }, { announceAccess, signIns }) => {
  sessionOf(access);
  const cookies = await signIns.end(headers.Cookie, context);
  await announceAccess({ version: 1, kind: "sessions" });
  if (wantsPage(headers.Accept)) return { status: 303, headers: { Location: SIGNED_OUT, "Set-Cookie": cookies } };
  return { status: 204, headers: { "Set-Cookie": cookies } };
};

/** POST /v1/me/membership */
export const switchMembership: Handler<Routes["switchMembership"]> = async ({ access, body }, { pool, clock, announceAccess }) => {
  if (!(await switchSession(pool, sessionOf(access), body.memberId, clock.now()))) throw notFound("membership");
  await announceAccess({ version: 1, kind: "sessions" });
  return { status: 204 };
};

/** @throws RequestError STATE_CONFLICT for a caller that is not signed in */
function sessionOf({ sessionId }: Access): string {
  if (sessionId === null) throw new RequestError("STATE_CONFLICT", { detail: "This is about people who are signed in; the caller is an API key." });
  return sessionId;
}

import type { Routes } from "@fluxo/contracts/http/routes";
import { listCredentials as findCredentials } from "@fluxo/prisma/credentials/credentials";
import type { Handler } from "../../http/handler.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";
import { toCredentialAnswer } from "./credential-answer.ts";

/** GET /v1/credentials */
export const listCredentials: Handler<Routes["listCredentials"]> = async ({ access, query }, { tenantDb }) => {
  const { limit, pageToken, kind, expiresBefore } = query;
  const before = idOfPageToken(pageToken);
  const filter = { kind, expiresBefore: expiresBefore === undefined ? undefined : new Date(expiresBefore) };
  const page = await tenantDb.withTenant(access.tenantId, (db) => findCredentials(db, access.tenantId, filter, limit, before));
  return { status: 200, body: toIdPage(page, toCredentialAnswer) };
};

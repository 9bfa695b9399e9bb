import type { Routes } from "@fluxo/contracts/http/routes";
import { listApiKeys as findApiKeys } from "@fluxo/prisma/repositories/api-keys";
import { findTenant } from "@fluxo/prisma/repositories/tenants";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";
import { toApiKeyAnswer } from "./api-key-answer.ts";

/** GET /v1/tenants/{tenantId}/api-keys */
export const listApiKeys: Handler<Routes["listApiKeys"]> = async ({ access, params, query }, { tenantDb }) => {
  const before = idOfPageToken(query.pageToken);
  const page = await tenantDb.withAgency(access.agencyId, async (db) => {
    if ((await findTenant(db, params.tenantId)) === undefined) throw notFound("tenant");
    return findApiKeys(db, params.tenantId, query.limit, before);
  });
  return { status: 200, body: toIdPage(page, toApiKeyAnswer) };
};

import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { createApiKey as insertApiKey } from "@fluxo/prisma/repositories/api-keys";
import { findTenant } from "@fluxo/prisma/repositories/tenants";
import type { Handler } from "../../http/handler.ts";
import { invalid } from "../../http/validate.ts";
import { mintApiKey } from "../../../keys/api-key.ts";
import { notFound } from "../not-found.ts";
import { toApiKeyAnswer } from "./api-key-answer.ts";

/** POST /v1/tenants/{tenantId}/api-keys */
export const createApiKey: Handler<Routes["createApiKey"]> = async ({ access, params, body }, { tenantDb, clock, ids, randomBytes }) => {
  const missing = body.scopes.filter((scope) => !access.scopes.has(scope));
  if (missing.length > 0) throw new RequestError("SCOPE_MISSING", { detail: `The key cannot give what it does not carry: ${missing.join(", ")}.` });
  const expiresAt = body.expiresAt === undefined ? null : new Date(body.expiresAt);
  if (expiresAt !== null && expiresAt <= clock.now()) throw invalid([{ path: "/body/expiresAt", code: "in_the_past", message: "must be in the future" }]);
  const { id, prefix, secretHash, text } = mintApiKey(ids, randomBytes);
  const { tenantId } = params;
  const key = await tenantDb.withAgency(access.agencyId, async (db) => {
    if ((await findTenant(db, tenantId)) === undefined) throw notFound("tenant");
    return insertApiKey(db, { id, agencyId: access.agencyId, tenantId, name: body.name, prefix, secretHash, scopes: body.scopes, expiresAt });
  });
  return { status: 201, body: { ...toApiKeyAnswer(key), key: text } };
};

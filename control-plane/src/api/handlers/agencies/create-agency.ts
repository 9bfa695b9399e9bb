import type { Routes } from "@fluxo/contracts/http/routes";
import { AGENCY_SCOPES } from "@fluxo/contracts/http/scopes";
import { createApiKey } from "@fluxo/prisma/repositories/api-keys";
import { createManagedAgency, enterAgency } from "@fluxo/prisma/repositories/managed-agencies";
import { mintApiKey } from "../../../keys/api-key.ts";
import type { Handler } from "../../http/handler.ts";
import { toApiKeyAnswer } from "../api-keys/api-key-answer.ts";
import { toManagedAgencyAnswer } from "./agency-answer.ts";

/** POST /v1/agencies */
export const createAgency: Handler<Routes["createAgency"]> = async ({ body }, { tenantDb, ids, randomBytes }) => {
  const agencyId = ids.next();
  const { id, prefix, secretHash, text } = mintApiKey(ids, randomBytes);
  const { agency, key } = await tenantDb.withOperator(async (db) => {
    const created = await createManagedAgency(db, { id: agencyId, name: body.name, limits: body.limits });
    await enterAgency(db, agencyId);
    return { agency: created, key: await createApiKey(db, { id, agencyId, tenantId: null, name: "Admin", prefix, secretHash, scopes: AGENCY_SCOPES, expiresAt: null }) };
  });
  return { status: 201, headers: { Location: `/v1/agencies/${agencyId}` }, body: { ...toManagedAgencyAnswer(agency), apiKey: { ...toApiKeyAnswer(key), key: text } } };
};

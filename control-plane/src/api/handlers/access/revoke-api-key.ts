import type { Routes } from "@fluxo/contracts/http/routes";
import { revokeApiKey as revoke } from "@fluxo/prisma/repositories/api-keys";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";

/** DELETE /v1/tenants/{tenantId}/api-keys/{keyId} */
export const revokeApiKey: Handler<Routes["revokeApiKey"]> = async ({ access, params }, { tenantDb, clock }) => {
  const isFound = await tenantDb.withAgency(access.agencyId, (db) => revoke(db, params.tenantId, params.keyId, clock.now()));
  if (!isFound) throw notFound("API key");
  return { status: 204 };
};

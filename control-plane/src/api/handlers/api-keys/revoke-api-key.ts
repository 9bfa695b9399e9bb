import type { Routes } from "@fluxo/contracts/http/routes";
import type { Handler } from "../../http/handler.ts";
import { revokeKey } from "./key-operations.ts";

/** DELETE /v1/tenants/{tenantId}/api-keys/{keyId} */
export const revokeApiKey: Handler<Routes["revokeApiKey"]> = async ({ access, params }, services) => {
  await revokeKey({ agencyId: access.agencyId, tenantId: params.tenantId }, params.keyId, services);
  return { status: 204 };
};

/** DELETE /v1/agency/api-keys/{keyId} */
export const revokeAgencyApiKey: Handler<Routes["revokeAgencyApiKey"]> = async ({ access, params }, services) => {
  await revokeKey({ agencyId: access.agencyId, tenantId: null }, params.keyId, services);
  return { status: 204 };
};

/** DELETE /v1/operator/api-keys/{keyId} */
export const revokeOperatorApiKey: Handler<Routes["revokeOperatorApiKey"]> = async ({ params }, services) => {
  await revokeKey({ agencyId: null, tenantId: null }, params.keyId, services);
  return { status: 204 };
};

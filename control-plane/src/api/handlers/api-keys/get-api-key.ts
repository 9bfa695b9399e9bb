import type { Routes } from "@fluxo/contracts/http/routes";
import type { Handler } from "../../http/handler.ts";
import { readKey } from "./key-operations.ts";

/** GET /v1/tenants/{tenantId}/api-keys/{keyId} */
export const getApiKey: Handler<Routes["getApiKey"]> = async ({ access, params }, services) => {
  return { status: 200, body: await readKey({ agencyId: access.agencyId, tenantId: params.tenantId }, params.keyId, services) };
};

/** GET /v1/agency/api-keys/{keyId} */
export const getAgencyApiKey: Handler<Routes["getAgencyApiKey"]> = async ({ access, params }, services) => {
  return { status: 200, body: await readKey({ agencyId: access.agencyId, tenantId: null }, params.keyId, services) };
};

/** GET /v1/operator/api-keys/{keyId} */
export const getOperatorApiKey: Handler<Routes["getOperatorApiKey"]> = async ({ params }, services) => {
  return { status: 200, body: await readKey({ agencyId: null, tenantId: null }, params.keyId, services) };
};

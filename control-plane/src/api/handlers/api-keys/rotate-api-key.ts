import type { Routes } from "@fluxo/contracts/http/routes";
import type { Handler } from "../../http/handler.ts";
import { rotateKey } from "./key-operations.ts";

/** POST /v1/tenants/{tenantId}/api-keys/{keyId}/rotate */
export const rotateApiKey: Handler<Routes["rotateApiKey"]> = async ({ access, params, body }, services) => {
  return { status: 200, body: await rotateKey({ agencyId: access.agencyId, tenantId: params.tenantId }, params.keyId, body, services) };
};

/** POST /v1/agency/api-keys/{keyId}/rotate */
export const rotateAgencyApiKey: Handler<Routes["rotateAgencyApiKey"]> = async ({ access, params, body }, services) => {
  return { status: 200, body: await rotateKey({ agencyId: access.agencyId, tenantId: null }, params.keyId, body, services) };
};

/** POST /v1/operator/api-keys/{keyId}/rotate */
export const rotateOperatorApiKey: Handler<Routes["rotateOperatorApiKey"]> = async ({ params, body }, services) => {
  return { status: 200, body: await rotateKey({ agencyId: null, tenantId: null }, params.keyId, body, services) };
};

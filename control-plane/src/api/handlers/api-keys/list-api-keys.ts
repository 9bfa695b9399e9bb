import type { Routes } from "@fluxo/contracts/http/routes";
import type { Handler } from "../../http/handler.ts";
import { pageOfKeys } from "./key-operations.ts";

/** GET /v1/tenants/{tenantId}/api-keys */
export const listApiKeys: Handler<Routes["listApiKeys"]> = async ({ access, params, query }, services) => {
  return { status: 200, body: await pageOfKeys({ agencyId: access.agencyId, tenantId: params.tenantId }, query, services) };
};

/** GET /v1/agency/api-keys */
export const listAgencyApiKeys: Handler<Routes["listAgencyApiKeys"]> = async ({ access, query }, services) => {
  return { status: 200, body: await pageOfKeys({ agencyId: access.agencyId, tenantId: null }, query, services) };
};

/** GET /v1/operator/api-keys */
export const listOperatorApiKeys: Handler<Routes["listOperatorApiKeys"]> = async ({ query }, services) => {
  return { status: 200, body: await pageOfKeys({ agencyId: null, tenantId: null }, query, services) };
};

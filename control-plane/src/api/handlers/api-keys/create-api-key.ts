import type { Routes } from "@fluxo/contracts/http/routes";
import type { Handler } from "../../http/handler.ts";
import { createKey } from "./key-operations.ts";

/** POST /v1/tenants/{tenantId}/api-keys */
export const createApiKey: Handler<Routes["createApiKey"]> = async ({ access, params, body }, services) => {
  return { status: 201, body: await createKey({ agencyId: access.agencyId, tenantId: params.tenantId }, access, body, services) };
};

/** POST /v1/agency/api-keys */
export const createAgencyApiKey: Handler<Routes["createAgencyApiKey"]> = async ({ access, body }, services) => {
  return { status: 201, body: await createKey({ agencyId: access.agencyId, tenantId: null }, access, body, services) };
};

/** POST /v1/operator/api-keys */
export const createOperatorApiKey: Handler<Routes["createOperatorApiKey"]> = async ({ access, body }, services) => {
  return { status: 201, body: await createKey({ agencyId: null, tenantId: null }, access, body, services) };
};

import type { Routes } from "@fluxo/contracts/http/routes";
import { discardParked, releaseParked } from "@fluxo/prisma/repositories/parking";
import type { Handler } from "../../http/handler.ts";

/** POST /v1/tenants/{tenantId}/parked-executions/release */
export const releaseParkedExecutions: Handler<Routes["releaseParkedExecutions"]> = async ({ access }, { pool }) => ({
  status: 200,
  body: { calledOut: await releaseParked(pool, access.tenantId) },
});

/** POST /v1/tenants/{tenantId}/parked-executions/discard */
export const discardParkedExecutions: Handler<Routes["discardParkedExecutions"]> = async ({ access }, { pool }) => ({
  status: 200,
  body: { discarded: await discardParked(pool, access.tenantId) },
});

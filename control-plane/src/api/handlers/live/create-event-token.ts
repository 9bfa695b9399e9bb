import type { Routes } from "@fluxo/contracts/http/routes";
import { findExecutionSummary } from "@fluxo/prisma/repositories/executions";
import type { Handler } from "../../http/handler.ts";
import { toInstant } from "../instants.ts";
import { notFound } from "../not-found.ts";

/** POST /v1/executions/{executionId}/event-token */
export const createEventToken: Handler<Routes["createEventToken"]> = async ({ access, params }, { tenantDb, eventTokens }) => {
  const { tenantId, agencyId, actor } = access;
  const { executionId } = params;
  const execution = await tenantDb.withTenant(tenantId, (db) => findExecutionSummary(db, tenantId, executionId));
  if (execution === undefined) throw notFound("execution");
  const { token, expiresAt } = eventTokens.mint({ tenantId, agencyId, actor, executionId });
  return { status: 201, body: { token, expiresAt: toInstant(expiresAt), path: `/v1/executions/${executionId}/events?token=${token}` } };
};

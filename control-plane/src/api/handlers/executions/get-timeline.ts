import type { Routes } from "@fluxo/contracts/http/routes";
import { findExecutionSummary } from "@fluxo/prisma/repositories/executions";
import { findJournal } from "@fluxo/prisma/repositories/journal";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { toTimeline } from "./timeline.ts";

/** GET /v1/executions/{executionId}/timeline */
export const getTimeline: Handler<Routes["getTimeline"]> = async ({ access, params, query }, { tenantDb }) => {
  const { tenantId } = access;
  const body = await tenantDb.withTenant(tenantId, async (db) => {
    const execution = await findExecutionSummary(db, tenantId, params.executionId);
    if (execution === undefined) throw notFound("execution");
    return toTimeline(execution, await findJournal(db, tenantId, params.executionId, { hasOutputs: query.includeOutputs }));
  });
  return { status: 200, body };
};

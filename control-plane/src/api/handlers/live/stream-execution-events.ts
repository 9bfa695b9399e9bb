import type { Routes } from "@fluxo/contracts/http/routes";
import { findExecutionSummary } from "@fluxo/prisma/repositories/executions";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";

/** No proxy may gather the events or change them. */
const HEADERS = { "Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no" };

/** GET /v1/executions/{executionId}/events */
export const streamExecutionEvents: Handler<Routes["streamExecutionEvents"]> = async ({ access, params, headers }, { tenantDb, live }) => {
  const { tenantId } = access;
  const execution = await tenantDb.withTenant(tenantId, (db) => findExecutionSummary(db, tenantId, params.executionId));
  if (execution === undefined) throw notFound("execution");
  return { status: 200, headers: HEADERS, content: live.open({ tenantId, executionId: params.executionId }, headers["Last-Event-ID"]) };
};

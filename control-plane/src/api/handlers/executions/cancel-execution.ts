import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { cancelExecution as cancel } from "@fluxo/prisma/executions/cancel";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";

/** POST /v1/executions/{executionId}/cancel */
export const cancelExecution: Handler<Routes["cancelExecution"]> = async ({ access, params }, { pool, publishCancel, logger }) => {
  const { tenantId } = access;
  const { executionId } = params;
  const result = await cancel(pool, tenantId, executionId);
  if (result === undefined) throw notFound("execution");
  if (result.isRequested) {
    // The flag in the row is the truth; without the message the worker sees it at its next heartbeat.
    await publishCancel({ version: 1, tenantId, executionId }).catch((error: unknown) => logger.warn({ err: error, executionId }, "cancel not published"));
    return { status: 202, headers: { Location: `/v1/executions/${executionId}` }, body: { status: "RUNNING", cancelRequested: true } };
  }
  if (result.status !== "CANCELED") throw new RequestError("STATE_CONFLICT", { detail: `The execution ended already, with ${result.status}.` });
  return { status: 200, body: { status: "CANCELED" } };
};

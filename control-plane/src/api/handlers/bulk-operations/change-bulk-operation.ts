import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { BulkStatus } from "@fluxo/core/status/bulk-status";
import { changeBulkStatus, findBulkOperation, type BulkOperationRecord } from "@fluxo/prisma/repositories/bulk-operations";
import type { Handler } from "../../http/handler.ts";
import type { ApiServices } from "../../services.ts";
import { notFound } from "../not-found.ts";
import { toBulkOperationAnswer } from "./bulk-operation-answer.ts";

/** POST /v1/bulk-operations/{bulkOperationId}/abort */
export const abortBulkOperation: Handler<Routes["abortBulkOperation"]> = async ({ access, params }, services) => {
  const operation = await change(services, access.tenantId, params.bulkOperationId, ["RUNNING", "PAUSED"], "ABORTED");
  return { status: 200, body: toBulkOperationAnswer(operation) };
};

/** POST /v1/bulk-operations/{bulkOperationId}/pause */
export const pauseBulkOperation: Handler<Routes["pauseBulkOperation"]> = async ({ access, params }, services) => {
  const operation = await change(services, access.tenantId, params.bulkOperationId, ["RUNNING"], "PAUSED");
  return { status: 200, body: toBulkOperationAnswer(operation) };
};

/** POST /v1/bulk-operations/{bulkOperationId}/resume */
export const resumeBulkOperation: Handler<Routes["resumeBulkOperation"]> = async ({ access, params }, services) => {
  const operation = await change(services, access.tenantId, params.bulkOperationId, ["PAUSED"], "RUNNING");
  return { status: 200, body: toBulkOperationAnswer(operation) };
};

/** One that has the status already is answered as it is. @throws RequestError NOT_FOUND, STATE_CONFLICT */
function change({ tenantDb, clock }: ApiServices, tenantId: string, id: string, from: readonly BulkStatus[], to: "RUNNING" | "PAUSED" | "ABORTED"): Promise<BulkOperationRecord> {
  return tenantDb.withTenant(tenantId, async (db) => {
    await changeBulkStatus(db, tenantId, id, from, to, clock.now());
    const operation = await findBulkOperation(db, tenantId, id);
    if (operation === undefined) throw notFound("bulk operation");
    if (operation.status !== to) throw new RequestError("STATE_CONFLICT", { detail: `The bulk operation is ${operation.status}.` });
    return operation;
  });
}

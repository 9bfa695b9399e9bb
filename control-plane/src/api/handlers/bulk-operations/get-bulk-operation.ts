import type { Routes } from "@fluxo/contracts/http/routes";
import { findBulkOperation, findBulkRefusals } from "@fluxo/prisma/repositories/bulk-operations";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { toBulkOperationAnswer } from "./bulk-operation-answer.ts";

const ERRORS_SHOWN = 20;

/** GET /v1/bulk-operations/{bulkOperationId} */
export const getBulkOperation: Handler<Routes["getBulkOperation"]> = async ({ access, params }, { tenantDb }) => {
  const { tenantId } = access;
  const body = await tenantDb.withTenant(tenantId, async (db) => {
    const operation = await findBulkOperation(db, tenantId, params.bulkOperationId);
    if (operation === undefined) throw notFound("bulk operation");
    const { counts, first } = await findBulkRefusals(db, tenantId, operation.id, ERRORS_SHOWN);
    return { ...toBulkOperationAnswer(operation), reasons: Object.fromEntries(counts.map(({ code, count }) => [code, count])), firstErrors: first.map((refusal) => ({ ...refusal })) };
  });
  return { status: 200, body };
};

import type { Routes } from "@fluxo/contracts/http/routes";
import { listBulkOperations as findBulkOperations } from "@fluxo/prisma/repositories/bulk-operations";
import type { Handler } from "../../http/handler.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";
import { toBulkOperationAnswer } from "./bulk-operation-answer.ts";

/** GET /v1/bulk-operations */
export const listBulkOperations: Handler<Routes["listBulkOperations"]> = async ({ access, query }, { tenantDb }) => {
  const { tenantId } = access;
  const beforeId = idOfPageToken(query.pageToken);
  const page = await tenantDb.withTenant(tenantId, (db) => findBulkOperations(db, tenantId, { statuses: query.status }, query.limit, beforeId));
  return { status: 200, body: toIdPage(page, toBulkOperationAnswer) };
};

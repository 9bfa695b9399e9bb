import type { Routes } from "@fluxo/contracts/http/routes";
import { findExecution } from "@fluxo/prisma/repositories/executions";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { toExecutionAnswer } from "./execution-answer.ts";

/** GET /v1/executions/{executionId} */
export const getExecution: Handler<Routes["getExecution"]> = async ({ access, params }, { tenantDb }) => {
  const execution = await tenantDb.withTenant(access.tenantId, (db) => findExecution(db, access.tenantId, params.executionId));
  if (execution === undefined) throw notFound("execution");
  return { status: 200, body: toExecutionAnswer(execution) };
};

import type { Routes } from "@fluxo/contracts/http/routes";
import { findExecution, findReruns } from "@fluxo/prisma/repositories/executions";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { toExecutionAnswer } from "./execution-answer.ts";

const RERUNS_SHOWN = 20;

/** GET /v1/executions/{executionId} */
export const getExecution: Handler<Routes["getExecution"]> = async ({ access, params }, { tenantDb }) => {
  const { tenantId } = access;
  const body = await tenantDb.withTenant(tenantId, async (db) => {
    const execution = await findExecution(db, tenantId, params.executionId);
    if (execution === undefined) throw notFound("execution");
    return toExecutionAnswer(execution, await findReruns(db, tenantId, params.executionId, RERUNS_SHOWN));
  });
  return { status: 200, body };
};

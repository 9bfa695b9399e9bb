import type { Routes } from "@fluxo/contracts/http/routes";
import { findWorkflow } from "@fluxo/prisma/repositories/workflows";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { toWorkflowAnswer } from "./workflow-answer.ts";

/** GET /v1/workflows/{workflowId} */
export const getWorkflow: Handler<Routes["getWorkflow"]> = async ({ access, params }, { tenantDb }) => {
  const workflow = await tenantDb.withTenant(access.tenantId, (db) => findWorkflow(db, access.tenantId, params.workflowId));
  if (workflow === undefined) throw notFound("workflow");
  return { status: 200, body: toWorkflowAnswer(workflow) };
};

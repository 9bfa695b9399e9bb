import type { Routes } from "@fluxo/contracts/http/routes";
import { listWorkflows as findWorkflows } from "@fluxo/prisma/repositories/workflows";
import type { Handler } from "../../http/handler.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";
import { toWorkflowAnswer } from "./workflow-answer.ts";

/** GET /v1/workflows */
export const listWorkflows: Handler<Routes["listWorkflows"]> = async ({ access, query }, { tenantDb }) => {
  const { limit, pageToken, active, q } = query;
  const before = idOfPageToken(pageToken);
  const page = await tenantDb.withTenant(access.tenantId, (db) => findWorkflows(db, access.tenantId, { isActive: active, text: q }, limit, before));
  return { status: 200, body: toIdPage(page, toWorkflowAnswer) };
};

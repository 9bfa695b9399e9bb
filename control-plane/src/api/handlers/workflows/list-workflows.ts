import type { Routes } from "@fluxo/contracts/http/routes";
import { listWorkflows as findWorkflows, listWorkflowsAcross } from "@fluxo/prisma/repositories/workflows";
import type { Handler } from "../../http/handler.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";
import { toWorkflowAnswer } from "./workflow-answer.ts";

/** GET /v1/workflows */
export const listWorkflows: Handler<Routes["listWorkflows"]> = async ({ access, query }, { tenantDb }) => {
  const { limit, pageToken, active, archived = false, q } = query;
  const before = idOfPageToken(pageToken);
  const { agencyId, tenantId, tenantIds } = access;
  const filter = { isActive: active, isArchived: archived, text: q };
  const page =
    tenantId === null
      ? await tenantDb.acrossTenants(agencyId, (db) => listWorkflowsAcross(db, { agencyId, tenantIds }, filter, limit, before))
      : await tenantDb.withTenant(tenantId, (db) => findWorkflows(db, tenantId, filter, limit, before));
  return { status: 200, body: toIdPage(page, toWorkflowAnswer) };
};

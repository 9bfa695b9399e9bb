import type { Routes } from "@fluxo/contracts/http/routes";
import { listTriggers as findTriggers } from "@fluxo/prisma/repositories/triggers";
import { hasWorkflow } from "@fluxo/prisma/repositories/workflows";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";
import { toTriggerAnswer } from "./trigger-answer.ts";

/** GET /v1/workflows/{workflowId}/triggers */
export const listTriggers: Handler<Routes["listTriggers"]> = async ({ access, params, query }, { tenantDb, publicIngressUrl }) => {
  const { tenantId } = access;
  const before = idOfPageToken(query.pageToken);
  const page = await tenantDb.withTenant(tenantId, async (db) => {
    if (!(await hasWorkflow(db, tenantId, params.workflowId))) throw notFound("workflow");
    return findTriggers(db, tenantId, params.workflowId, query.limit, before);
  });
  return { status: 200, body: toIdPage(page, (trigger) => toTriggerAnswer(trigger, publicIngressUrl)) };
};

import type { Routes } from "@fluxo/contracts/http/routes";
import { listVersions as findVersions } from "@fluxo/prisma/repositories/workflow-versions";
import { hasWorkflow } from "@fluxo/prisma/repositories/workflows";
import { z } from "zod";
import type { Handler } from "../../http/handler.ts";
import { decodePageToken } from "../../http/page-token.ts";
import { notFound } from "../not-found.ts";
import { toPage } from "../pages.ts";
import { toVersionAnswer } from "./workflow-answer.ts";

const numberToken = z.tuple([z.int().min(1).max(2_147_483_647)]);

/** GET /v1/workflows/{workflowId}/versions */
export const listVersions: Handler<Routes["listVersions"]> = async ({ access, params, query }, { tenantDb }) => {
  const { tenantId } = access;
  const before = decodePageToken(query.pageToken, numberToken)?.[0];
  const page = await tenantDb.withTenant(tenantId, async (db) => {
    if (!(await hasWorkflow(db, tenantId, params.workflowId))) throw notFound("workflow");
    return findVersions(db, tenantId, params.workflowId, query.limit, before);
  });
  return { status: 200, body: toPage(page, toVersionAnswer, ({ number }) => [number]) };
};

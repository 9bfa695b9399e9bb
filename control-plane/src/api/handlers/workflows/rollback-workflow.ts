import type { Routes } from "@fluxo/contracts/http/routes";
import { graphSchema } from "@fluxo/core/graph/graph";
import { findVersion } from "@fluxo/prisma/repositories/workflow-versions";
import { lockDraft } from "@fluxo/prisma/repositories/workflows";
import { publishGraph } from "../../../publishing/publish-graph.ts";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { toPublishedAnswer } from "./published-answer.ts";

/** POST /v1/workflows/{workflowId}/rollback */
export const rollbackWorkflow: Handler<Routes["rollbackWorkflow"]> = async ({ access, params, body }, services) => {
  const { tenantId, actor } = access;
  const { workflowId } = params;
  const published = await services.tenantDb.withTenant(tenantId, async (db) => {
    if ((await lockDraft(db, tenantId, workflowId)) === undefined) throw notFound("workflow");
    const version = await findVersion(db, tenantId, workflowId, body.number);
    if (version === undefined) throw notFound("version");
    return publishGraph(db, tenantId, { workflowId, graph: graphSchema.parse(version.graph), publishedBy: actor.id, activates: true, isByTemplate: false }, services);
  });
  return { status: 200, body: toPublishedAnswer(published, services.publicIngressUrl) };
};

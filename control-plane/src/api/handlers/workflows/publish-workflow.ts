import type { Routes } from "@fluxo/contracts/http/routes";
import { graphSchema } from "@fluxo/core/graph/graph";
import { lockDraft } from "@fluxo/prisma/repositories/workflows";
import { publishGraph } from "../../../publishing/publish-graph.ts";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { toPublishedAnswer } from "./published-answer.ts";

/** POST /v1/workflows/{workflowId}/publish */
export const publishWorkflow: Handler<Routes["publishWorkflow"]> = async ({ access, params }, services) => {
  const { tenantId, actor } = access;
  const { workflowId } = params;
  const published = await services.tenantDb.withTenant(tenantId, async (db) => {
    const draft = await lockDraft(db, tenantId, workflowId);
    if (draft === undefined) throw notFound("workflow");
    return publishGraph(db, tenantId, { workflowId, graph: graphSchema.parse(draft), publishedBy: actor.id, activates: true, isByTemplate: false }, services);
  });
  const body = toPublishedAnswer(published, services.publicIngressUrl);
  if (!published.isNew) return { status: 200, body };
  return { status: 201, headers: { Location: `/v1/workflows/${workflowId}/versions/${published.version.number}` }, body };
};

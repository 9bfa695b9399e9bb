import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { diffGraphs, type GraphDiff } from "@fluxo/core/graph/diff";
import { graphSchema, type Graph } from "@fluxo/core/graph/graph";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { findVersion } from "@fluxo/prisma/repositories/workflow-versions";
import { findDraft, findWorkflow } from "@fluxo/prisma/repositories/workflows";
import { nodeCatalog } from "../../../publishing/graph-catalog.ts";
import { assertPublishable } from "../../../publishing/publish-graph.ts";
import type { Handler, HandlerRequest } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { toDiffAnswer } from "./diff-answer.ts";

type Side = HandlerRequest<Routes["diffWorkflow"]>["query"]["from"];

/** GET /v1/workflows/{workflowId}/diff */
export const diffWorkflow: Handler<Routes["diffWorkflow"]> = async ({ access, params, query }, { tenantDb }) => {
  const { tenantId } = access;
  const [from, to] = await tenantDb.withTenant(tenantId, async (db) => {
    const workflow = await findWorkflow(db, tenantId, params.workflowId);
    if (workflow === undefined) throw notFound("workflow");
    const published = workflow.publishedVersion?.number;
    return [await readSide(db, tenantId, workflow.id, query.from, published), await readSide(db, tenantId, workflow.id, query.to, published)] as const;
  });
  return { status: 200, body: { from: from.side, to: to.side, ...toDiffAnswer(diffOf(from.graph, to.graph)) } };
};

/** @throws RequestError GRAPH_INVALID for a draft with two nodes of one id: which of them changed cannot be told */
function diffOf(from: Graph, to: Graph): GraphDiff {
  for (const { nodes } of [from, to]) {
    const twice = nodes.findIndex(({ id }, index) => nodes.findIndex((other) => other.id === id) !== index);
    const nodeId = nodes[twice]?.id;
    if (nodeId !== undefined) assertPublishable([{ code: "NODE_ID_DUPLICATE", nodeId, path: `/nodes/${twice}/id`, message: `Another node has the id "${nodeId}" already.` }]);
  }
  return diffGraphs(from, to, nodeCatalog);
}

async function readSide(db: ScopedDb, tenantId: string, workflowId: string, side: Side, published: number | undefined): Promise<{ side: { kind: "draft" | "version"; revision: number | null; number: number | null }; graph: Graph }> {
  if (side === "draft") {
    const draft = await findDraft(db, tenantId, workflowId);
    if (draft === undefined) throw notFound("workflow");
    return { side: { kind: "draft", revision: draft.revision, number: null }, graph: graphSchema.parse(draft.graph) };
  }
  const number = side === "published" ? published : side;
  if (number === undefined) throw new RequestError("WORKFLOW_NOT_PUBLISHED");
  const version = await findVersion(db, tenantId, workflowId, number);
  if (version === undefined) throw notFound("version");
  return { side: { kind: "version", revision: null, number }, graph: graphSchema.parse(version.graph) };
}

import type { Routes } from "@fluxo/contracts/http/routes";
import { credentialIdsOf, credentialUsesOf, findCredentialIssues } from "@fluxo/core/credentials/uses";
import { RequestError } from "@fluxo/core/errors/request-error";
import { graphSchema, type Graph } from "@fluxo/core/graph/graph";
import type { GraphIssueCode } from "@fluxo/core/graph/issue";
import { validateGraph } from "@fluxo/core/graph/validate";
import type { JsonObject } from "@fluxo/core/json";
import { isJsonObject } from "@fluxo/core/templates/values";
import { findCredentialKinds } from "@fluxo/prisma/credentials/usages";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { findPlanOfTenant } from "@fluxo/prisma/repositories/plans";
import { findTenant } from "@fluxo/prisma/repositories/tenants";
import { findDraft, findPins } from "@fluxo/prisma/repositories/workflows";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { nodeCatalog, planWarnings } from "../../../publishing/graph-catalog.ts";
import { assertPinsFit, toPins, type Pins } from "./pins.ts";

/** What is wrong with a node itself. Where it stands in the graph does not matter to a test. */
const OWN_ISSUES: ReadonlySet<GraphIssueCode> = new Set(["NODE_TYPE_UNKNOWN", "PARAMS_INVALID", "CODE_INVALID", "TEMPLATE_SYNTAX"]);

/** POST /v1/workflows/{workflowId}/nodes/{nodeId}/test */
export const testNode: Handler<Routes["testNode"]> = async ({ access, params, body }, { tenantDb, nodeTester }) => {
  const { tenantId } = access;
  const { workflowId, nodeId } = params;
  const { graph, saved } = await tenantDb.withTenant(tenantId, (db) => readDraft(db, tenantId, workflowId, nodeId));
  const pinned = { ...saved, ...body?.pinned };
  assertPinsFit(pinned);
  const trigger = body?.trigger ?? triggerOf(graph, pinned);
  const result = await nodeTester.test({ tenantId, workflowId, nodeId, pinned, trigger, ...(body?.item === undefined ? {} : { item: body.item }) });
  return { status: 200, body: result };
};

/** @throws RequestError NOT_FOUND, STATE_CONFLICT, TENANT_SUSPENDED, NODE_NOT_IN_PLAN, GRAPH_INVALID */
async function readDraft(db: ScopedDb, tenantId: string, workflowId: string, nodeId: string): Promise<{ readonly graph: Graph; readonly saved: Pins }> {
  const [draft, pins, plan, tenant] = [await findDraft(db, tenantId, workflowId), await findPins(db, tenantId, workflowId), await findPlanOfTenant(db, tenantId), await findTenant(db, tenantId)];
  if (draft === undefined || pins === undefined || plan === undefined || tenant === undefined) throw notFound("workflow");
  if (tenant.status === "SUSPENDED") throw new RequestError("TENANT_SUSPENDED");
  const graph = graphSchema.parse(draft.graph);
  const node = graph.nodes.find(({ id }) => id === nodeId);
  if (node === undefined) throw notFound("node");
  if (nodeCatalog.get(node.type)?.kind === "trigger") throw new RequestError("STATE_CONFLICT", { detail: `"${nodeId}" is a trigger: it does nothing that could be tested.` });
  const uses = credentialUsesOf({ ...graph, nodes: [node] }, nodeCatalog);
  const index = graph.nodes.indexOf(node);
  const ofCredentials = findCredentialIssues(uses, await findCredentialKinds(db, tenantId, credentialIdsOf(uses))).map((issue) => ({ ...issue, path: issue.path.replace("/nodes/0/", `/nodes/${index}/`) }));
  const issues = [...validateGraph(graph, nodeCatalog).filter((issue) => issue.nodeId === nodeId && OWN_ISSUES.has(issue.code)), ...ofCredentials];
  if (issues.length > 0) throw new RequestError("GRAPH_INVALID", { issues, detail: `The node "${nodeId}" cannot be run as it is.` });
  const denied = planWarnings(graph, plan).find((warning) => warning.nodeId === nodeId);
  if (denied !== undefined) throw new RequestError("NODE_NOT_IN_PLAN", { detail: denied.message });
  return { graph, saved: toPins(pins) };
}

/** The pinned output of the first trigger that has one. */
function triggerOf({ nodes }: Graph, pinned: Pins): JsonObject {
  for (const { id, type } of nodes) {
    const output = pinned[id];
    if (nodeCatalog.get(type)?.kind === "trigger" && output !== undefined && isJsonObject(output)) return output;
  }
  return {};
}

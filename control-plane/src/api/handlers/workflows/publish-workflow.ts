import type { Routes } from "@fluxo/contracts/http/routes";
import { credentialIdsOf, credentialUsesOf, findCredentialIssues } from "@fluxo/core/credentials/uses";
import { RequestError } from "@fluxo/core/errors/request-error";
import { graphSchema, type Graph } from "@fluxo/core/graph/graph";
import { graphHash } from "@fluxo/core/graph/hash";
import type { GraphIssue } from "@fluxo/core/graph/issue";
import { validateGraph } from "@fluxo/core/graph/validate";
import { declareCredentials, lockCredentialKinds } from "@fluxo/prisma/credentials/usages";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { notePeriods } from "@fluxo/prisma/dispatch/arm";
import { createVersion, findVersionByHash, type VersionRecord } from "@fluxo/prisma/repositories/workflow-versions";
import { lockDraft, setPublishedVersion } from "@fluxo/prisma/repositories/workflows";
import type { Handler } from "../../http/handler.ts";
import type { ApiServices } from "../../services.ts";
import { notFound } from "../not-found.ts";
import { hookUrlOf } from "../triggers/trigger-answer.ts";
import { findChildIssues } from "./child-issues.ts";
import { nodeCatalog, nodeTypesOf } from "./graph-catalog.ts";
import { syncTriggers } from "./sync-triggers.ts";
import { toVersionAnswer } from "./workflow-answer.ts";

/** POST /v1/workflows/{workflowId}/publish */
export const publishWorkflow: Handler<Routes["publishWorkflow"]> = async ({ access, params }, services) => {
  const { tenantId, actor } = access;
  const { workflowId } = params;
  const { version, isNew, synced } = await services.tenantDb.withTenant(tenantId, async (db) => {
    const draft = await lockDraft(db, tenantId, workflowId);
    if (draft === undefined) throw notFound("workflow");
    const graph = graphSchema.parse(draft);
    const uses = credentialUsesOf(graph, nodeCatalog);
    assertPublishable([...validateGraph(graph, nodeCatalog), ...(await findChildIssues(db, tenantId, workflowId, graph)), ...findCredentialIssues(uses, await lockCredentialKinds(db, tenantId, credentialIdsOf(uses)))]);
    const published = await findOrCreateVersion(db, tenantId, { workflowId, graph, publishedBy: actor.id }, services);
    await declareCredentials(db, tenantId, published.version.id, uses.map(({ nodeId, param, value }) => ({ nodeId, param, credentialId: value })));
    const triggers = await syncTriggers(db, tenantId, workflowId, graph, services);
    await setPublishedVersion(db, tenantId, workflowId, published.version.id);
    await notePeriods(db, tenantId, workflowId);
    return { ...published, synced: triggers };
  });
  const triggers = synced.map(({ trigger, secret }) => {
    const { id, nodeId, kind, isEnabled, hasSecret } = trigger;
    return { id, nodeId, kind, isEnabled, hasSecret, hookUrl: hookUrlOf(trigger, services.publicIngressUrl), ...(secret === undefined ? {} : { secret }) };
  });
  const body = { isNew, version: toVersionAnswer(version), triggers };
  if (!isNew) return { status: 200, body };
  return { status: 201, headers: { Location: `/v1/workflows/${workflowId}/versions/${version.number}` }, body };
};

/** @throws RequestError GRAPH_INVALID with an issue per fault, each with the node that it is about */
function assertPublishable(issues: readonly GraphIssue[]): void {
  if (issues.length === 0) return;
  const [first] = issues;
  throw new RequestError("GRAPH_INVALID", { issues, detail: issues.length === 1 && first !== undefined ? first.message : `The graph has ${issues.length} issues.` });
}

/** The version with this content: the one that is there, whatever its number, or the next one. */
async function findOrCreateVersion(
  db: ScopedDb,
  tenantId: string,
  content: { readonly workflowId: string; readonly graph: Graph; readonly publishedBy: string },
  { ids }: ApiServices,
): Promise<{ version: VersionRecord; isNew: boolean }> {
  const { workflowId, graph } = content;
  const contentHash = graphHash(graph);
  const known = await findVersionByHash(db, tenantId, workflowId, contentHash);
  if (known !== undefined) return { version: known, isNew: false };
  const version = await createVersion(db, tenantId, { ...content, id: ids.next(), contentHash, nodeCount: graph.nodes.length, nodeTypes: nodeTypesOf(graph) });
  return { version, isNew: true };
}

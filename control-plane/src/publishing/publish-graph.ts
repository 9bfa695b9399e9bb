import { credentialIdsOf, credentialUsesOf, findCredentialIssues } from "@fluxo/core/credentials/uses";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Graph } from "@fluxo/core/graph/graph";
import { graphHash } from "@fluxo/core/graph/hash";
import type { GraphIssue } from "@fluxo/core/graph/issue";
import { validateGraph } from "@fluxo/core/graph/validate";
import { declareCredentials, lockCredentialKinds } from "@fluxo/prisma/credentials/usages";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { notePeriods } from "@fluxo/prisma/dispatch/arm";
import { createVersion, findVersionByHash, type VersionRecord } from "@fluxo/prisma/repositories/workflow-versions";
import { setPublishedVersion } from "@fluxo/prisma/repositories/workflows";
import { findChildIssues } from "./child-issues.ts";
import { nodeCatalog, nodeTypesOf } from "./graph-catalog.ts";
import { noteOverrides } from "./installed-workflow.ts";
import type { PublishPorts } from "./ports.ts";
import { syncTriggers, type SyncedTrigger } from "./sync-triggers.ts";

/** What is published, and by whom. */
export interface PublishRequest {
  readonly workflowId: string;
  readonly graph: Graph;
  /** The key that asks. */
  readonly publishedBy: string;
  /** Whether the workflow is switched on; otherwise it stays as it is. */
  readonly activates: boolean;
  /** Whether the agency's template brings the graph: then its locks do not hold against it, and whoever brings it notes the tenant's overrides. */
  readonly isByTemplate: boolean;
}

/** The version that new executions take from now on. */
export interface PublishResult {
  readonly version: VersionRecord;
  /** Whether this publish created it; the same content is the same version. */
  readonly isNew: boolean;
  readonly synced: readonly SyncedTrigger[];
}

/**
 * Makes a graph the published version of a workflow, whatever it comes from: checked as a whole, triggers brought to its state, the workflow active.
 * @param db of the tenant, with the workflow locked
 * @throws RequestError GRAPH_INVALID, TEMPLATE_LOCKED with an issue per fault, each with the node that it is about
 */
export async function publishGraph(db: ScopedDb, tenantId: string, request: PublishRequest, ports: PublishPorts): Promise<PublishResult> {
  const { workflowId, graph, activates, isByTemplate } = request;
  const uses = credentialUsesOf(graph, nodeCatalog);
  assertPublishable([...validateGraph(graph, nodeCatalog), ...(await findChildIssues(db, tenantId, workflowId, graph)), ...findCredentialIssues(uses, await lockCredentialKinds(db, tenantId, credentialIdsOf(uses)))]);
  if (!isByTemplate) await noteOverrides(db, tenantId, workflowId, graph);
  const published = await findOrCreateVersion(db, tenantId, request, ports);
  await declareCredentials(db, tenantId, published.version.id, uses.map(({ nodeId, param, value }) => ({ nodeId, param, credentialId: value })));
  const synced = await syncTriggers(db, tenantId, workflowId, graph, ports);
  await setPublishedVersion(db, tenantId, workflowId, published.version.id, activates);
  await notePeriods(db, tenantId, workflowId);
  return { ...published, synced };
}

/** @throws RequestError GRAPH_INVALID with an issue per fault, each with the node that it is about */
export function assertPublishable(issues: readonly GraphIssue[]): void {
  if (issues.length === 0) return;
  const [first] = issues;
  throw new RequestError("GRAPH_INVALID", { issues, detail: issues.length === 1 && first !== undefined ? first.message : `The graph has ${issues.length} issues.` });
}

/** The version with this content: the one that is there, whatever its number, or the next one. */
async function findOrCreateVersion(db: ScopedDb, tenantId: string, { workflowId, graph, publishedBy }: PublishRequest, { ids }: PublishPorts): Promise<{ version: VersionRecord; isNew: boolean }> {
  const contentHash = graphHash(graph);
  const known = await findVersionByHash(db, tenantId, workflowId, contentHash);
  if (known !== undefined) return { version: known, isNew: false };
  const version = await createVersion(db, tenantId, { workflowId, graph, publishedBy, id: ids.next(), contentHash, nodeCount: graph.nodes.length, nodeTypes: nodeTypesOf(graph) });
  return { version, isNew: true };
}

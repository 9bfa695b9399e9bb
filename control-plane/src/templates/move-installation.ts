import { RequestError } from "@fluxo/core/errors/request-error";
import { graphSchema, type Graph } from "@fluxo/core/graph/graph";
import { graphHash } from "@fluxo/core/graph/hash";
import { findOverrides, mergeGraphs, type ConflictPolicy, type MergeConflict } from "@fluxo/core/workflow-templates/merge";
import { carriedValues, parameterValuesSchema, type ParameterValues } from "@fluxo/core/workflow-templates/parameters";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { lockInstallation, moveInstallation as writeMove, type InstallationWithBase } from "@fluxo/prisma/repositories/template-installations";
import { findVersion } from "@fluxo/prisma/repositories/workflow-versions";
import { findWorkflow, lockDraft, replaceDraft } from "@fluxo/prisma/repositories/workflows";
import { publishGraph, type PublishResult } from "../publishing/publish-graph.ts";
import type { PublishPorts } from "../publishing/ports.ts";
import type { TemplateContent } from "./content.ts";
import { assertInPlan, fillIn } from "./fill-in.ts";

/** The tenant's changes and those of the version contradict each other, and nobody decided. */
export class TemplateConflict extends RequestError {
  readonly conflicts: readonly MergeConflict[];

  constructor(conflicts: readonly MergeConflict[]) {
    const issues = conflicts.map(({ path, isLocked }) => ({ path, code: isLocked ? "locked" : "conflict", message: isLocked ? "was changed by the tenant and is locked by the version" : "was changed by the tenant, and otherwise by the version" }));
    super("TEMPLATE_CONFLICT", { detail: `${conflicts.length} of the tenant's changes and those of the version contradict each other.`, issues });
    this.conflicts = conflicts;
  }
}

export interface MoveRequest {
  readonly content: TemplateContent;
  /** `over`: values over those that the tenant has; `instead`: these and no others. */
  readonly parameters: { readonly mode: "over" | "instead"; readonly values: ParameterValues };
  readonly onConflict: ConflictPolicy;
  readonly actorId: string;
}

export interface MoveResult {
  readonly before: InstallationWithBase;
  readonly published: PublishResult;
  /** What the policy decided. */
  readonly conflicts: readonly MergeConflict[];
}

/**
 * Brings the workflow of an installation to another version of its template, newer or older, with the tenant's own changes kept: those of the published
 * graph, and those of the draft that are not published yet. A workflow that is switched off stays so.
 * @param db of the tenant
 * @returns undefined when the tenant does not have the template
 * @throws TemplateConflict @throws RequestError VALIDATION_FAILED, GRAPH_INVALID, NODE_NOT_IN_PLAN, TOO_MANY_NODES
 */
export async function moveInstallation(db: ScopedDb, tenantId: string, { content, parameters, onConflict, actorId }: MoveRequest, ports: PublishPorts): Promise<MoveResult | undefined> {
  const before = await lockInstallation(db, tenantId, content.templateId);
  if (before === undefined) return undefined;
  const { workflowId } = before;
  const draft = graphSchema.parse(await lockDraft(db, tenantId, workflowId));
  const tenant = await publishedGraph(db, tenantId, workflowId);
  const base = graphSchema.parse(before.base);
  const carried = parameters.mode === "over" ? carriedValues(content.parameters, parameterValuesSchema.parse(before.parameters)) : {};
  const { graph: next, values } = fillIn(content, { ...carried, ...parameters.values });
  const { locks } = content;
  const { graph, conflicts } = mergeGraphs({ base, tenant, next, locks, onConflict });
  if (graph === undefined) throw new TemplateConflict(conflicts);
  await assertInPlan(db, tenantId, graph);
  const published = await publishGraph(db, tenantId, { workflowId, graph, publishedBy: actorId, activates: false, isByTemplate: true }, ports);
  await replaceDraft(db, tenantId, workflowId, movedDraft({ base, draft, tenant, next, graph }, locks));
  await writeMove(db, tenantId, content.templateId, {
    versionId: content.id,
    versionNumber: content.number,
    parameters: values,
    previousVersionId: before.versionId,
    previousParameters: before.parameters,
    base: next,
    locks,
    overrides: findOverrides(next, graph),
  });
  return { before, published, conflicts };
}

interface Graphs {
  readonly base: Graph;
  readonly draft: Graph;
  readonly tenant: Graph;
  readonly next: Graph;
  /** What is published now. */
  readonly graph: Graph;
}

/** A draft without changes of its own follows what is published; unpublished work is brought along, and wins over the version: nothing of it is live. */
function movedDraft({ base, draft, tenant, next, graph }: Graphs, locks: TemplateContent["locks"]): Graph {
  if (hasRepeatedIds(draft) || graphHash(draft) === graphHash(tenant)) return graph;
  return mergeGraphs({ base, tenant: draft, next, locks, onConflict: "keepTenant" }).graph ?? graph;
}

/** Such a draft cannot be compared node by node. */
function hasRepeatedIds({ nodes }: Graph): boolean {
  return new Set(nodes.map(({ id }) => id)).size < nodes.length;
}

async function publishedGraph(db: ScopedDb, tenantId: string, workflowId: string): Promise<Graph> {
  const workflow = await findWorkflow(db, tenantId, workflowId);
  const version = workflow?.publishedVersion === null || workflow === undefined ? undefined : await findVersion(db, tenantId, workflowId, workflow.publishedVersion.number);
  if (version === undefined) throw new Error(`The workflow ${workflowId} of an installation has no published version.`);
  return graphSchema.parse(version.graph);
}

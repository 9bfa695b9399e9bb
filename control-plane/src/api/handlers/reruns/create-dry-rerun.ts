import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { graphSchema, type Graph } from "@fluxo/core/graph/graph";
import { validateGraph } from "@fluxo/core/graph/validate";
import type { Json, JsonObject } from "@fluxo/core/json";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { countOpenDryReruns, createDryRerun as create, type DryRerunVersion } from "@fluxo/prisma/repositories/dry-reruns";
import { findExecution, type ExecutionRecord } from "@fluxo/prisma/repositories/executions";
import { findVersion } from "@fluxo/prisma/repositories/workflow-versions";
import { findDraft, findWorkflow } from "@fluxo/prisma/repositories/workflows";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { nodeCatalog } from "../../../publishing/graph-catalog.ts";
import { toDryRerunAnswer } from "./dry-rerun-answer.ts";

/** Dry reruns of one tenant that wait or run. */
const OPEN_MAX = 100;

/** POST /v1/executions/{executionId}/dry-rerun */
export const createDryRerun: Handler<Routes["createDryRerun"]> = async ({ access, params, body }, { tenantDb, ids }) => {
  const { tenantId } = access;
  const dryRerun = await tenantDb.withTenant(tenantId, async (db) => {
    const execution = await findExecution(db, tenantId, params.executionId);
    if (execution === undefined) throw notFound("execution");
    if (execution.completedAt === null) throw new RequestError("STATE_CONFLICT", { detail: `The execution is ${execution.status}: only one that ended can be compared with.` });
    if ((await countOpenDryReruns(db, tenantId)) >= OPEN_MAX) throw new RequestError("STATE_CONFLICT", { detail: `The tenant has ${OPEN_MAX} dry reruns that wait already.` });
    const { graph, versionId } = await graphOf(db, tenantId, execution, body.version);
    assertTrigger(graph, execution.triggerNodeId);
    return create(db, tenantId, { id: ids.next(), executionId: execution.id, version: body.version, versionId, graph, triggerNodeId: execution.triggerNodeId, input: body.input ?? asObject(execution.input) });
  });
  return { status: 202, headers: { Location: `/v1/dry-reruns/${dryRerun.id}` }, body: toDryRerunAnswer(dryRerun) };
};

/** @throws RequestError WORKFLOW_NOT_PUBLISHED, GRAPH_INVALID */
async function graphOf(db: ScopedDb, tenantId: string, { workflowId, version }: ExecutionRecord, wanted: DryRerunVersion): Promise<{ readonly graph: Graph; readonly versionId: string | null }> {
  if (wanted === "draft") return { graph: await validDraft(db, tenantId, workflowId), versionId: null };
  const number = wanted === "same" ? version.number : (await findWorkflow(db, tenantId, workflowId))?.publishedVersion?.number;
  if (number === undefined) throw new RequestError("WORKFLOW_NOT_PUBLISHED");
  const found = await findVersion(db, tenantId, workflowId, number);
  if (found === undefined) throw notFound("version");
  return { graph: graphSchema.parse(found.graph), versionId: found.id };
}

async function validDraft(db: ScopedDb, tenantId: string, workflowId: string): Promise<Graph> {
  const draft = await findDraft(db, tenantId, workflowId);
  if (draft === undefined) throw notFound("workflow");
  const graph = graphSchema.parse(draft.graph);
  const issues = validateGraph(graph, nodeCatalog);
  if (issues.length > 0) throw new RequestError("GRAPH_INVALID", { issues, detail: "The draft has issues; a dry rerun needs a graph that could be published." });
  return graph;
}

/** A trigger payload is an object; the column may be empty. */
function asObject(input: Json): JsonObject {
  return typeof input === "object" && input !== null && !Array.isArray(input) ? input : {};
}

function assertTrigger({ nodes, edges }: Graph, triggerNodeId: string): void {
  if (nodes.some(({ id }) => id === triggerNodeId) && edges.every(({ to }) => to !== triggerNodeId)) return;
  throw new RequestError("STATE_CONFLICT", { detail: `The graph has no trigger "${triggerNodeId}", which started the execution.` });
}

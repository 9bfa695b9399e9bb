import type { Graph, GraphNode } from "@fluxo/core/graph/graph";
import type { GraphIssue } from "@fluxo/core/graph/issue";
import { jsonPointer } from "@fluxo/core/json-pointer";
import { catalog } from "@fluxo/nodes/catalog";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { findCalledWorkflows, type CalledWorkflow } from "@fluxo/prisma/repositories/called-workflows";
import { z } from "zod";

const idSchema = z.uuid();

/**
 * What is wrong with the workflows that a graph calls: not an id, not of this tenant, or published without a trigger.workflow node. One that is not published yet may get
 * such a node, so that workflows which call each other can be published one after the other.
 * @param db of the tenant
 * @param workflowId whose graph it is: it may call itself
 */
export async function findChildIssues(db: ScopedDb, tenantId: string, workflowId: string, graph: Graph): Promise<GraphIssue[]> {
  const calls = graph.nodes.flatMap((node, index) => (node.type === catalog["workflow.execute"].type ? [{ node, index, target: idSchema.safeParse(node.params["workflowId"]).data }] : []));
  if (calls.length === 0) return [];
  const called = new Map(await findCalledWorkflows(db, tenantId, [...new Set(calls.flatMap(({ target }) => target ?? []))], "workflow"));
  if (called.has(workflowId)) called.set(workflowId, { isPublished: true, hasTrigger: graph.nodes.some(({ type }) => type === catalog["trigger.workflow"].type) });
  return calls.flatMap(({ node, index, target }) => {
    const message = problemOf(node, target === undefined ? undefined : called.get(target));
    return message === undefined ? [] : [{ code: "CHILD_UNAVAILABLE", nodeId: node.id, path: jsonPointer(["nodes", index, "params", "workflowId"]), message }];
  });
}

function problemOf({ params }: GraphNode, target: CalledWorkflow | undefined): string | undefined {
  // An absent one, and one of another shape, is an issue of its parameters already.
  if (target === undefined) return typeof params["workflowId"] === "string" ? "The tenant has no workflow with this id; a template cannot make one." : undefined;
  return target.isPublished && !target.hasTrigger ? "The published version of the workflow has no trigger.workflow node." : undefined;
}

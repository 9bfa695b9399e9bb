import type { NodeCatalog } from "@fluxo/core/graph/catalog";
import type { Graph } from "@fluxo/core/graph/graph";
import { includesType } from "@fluxo/core/quota/entitlements";
import { findDefinition, nodeTiers } from "@fluxo/nodes/catalog";
import type { PlanRecord } from "@fluxo/prisma/repositories/plans";

/** The node types as graph validation asks for them. */
export const nodeCatalog: NodeCatalog = { get: findDefinition };

const tiers: Readonly<Record<string, number>> = nodeTiers();

/** The types of a graph's nodes, each once, in a stable order. */
export function nodeTypesOf(graph: Graph): string[] {
  return [...new Set(graph.nodes.map(({ type }) => type))].toSorted();
}

/** What admission would refuse (`fluxo_claim`) because of the plan; with a pointer into the graph. */
export function planWarnings(graph: Graph, plan: PlanRecord): { code: string; path: string; message: string; nodeId?: string }[] {
  const denied = graph.nodes.flatMap(({ id, type }, index) => {
    return !includesType(plan, type, tiers) ? [{ code: "NODE_NOT_IN_PLAN", path: `/nodes/${index}/type`, message: `The plan ${plan.name} does not include "${type}".`, nodeId: id }] : [];
  });
  if (graph.nodes.length <= plan.nodesPerWorkflowMax) return denied;
  const message = `The workflow has ${graph.nodes.length} nodes; the plan ${plan.name} allows ${plan.nodesPerWorkflowMax}.`;
  return [{ code: "TOO_MANY_NODES", path: "/nodes", message }, ...denied];
}

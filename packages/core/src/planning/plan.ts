import { at, compareText } from "../collections.ts";
import { NodeError } from "../errors/node-error.ts";
import type { Graph, GraphEdge, GraphNode } from "../graph/graph.ts";
import { topologyOf, type Adjacency } from "../graph/topology.ts";

/** An edge between two places of the plan. */
export interface PlannedEdge {
  readonly from: number;
  readonly port: string;
  readonly to: number;
}

/** A node at its place in the plan. */
export interface PlannedNode {
  readonly node: GraphNode;
  /** Index in plan order. */
  readonly position: number;
  /** Length of the longest path from a trigger. */
  readonly level: number;
  /** By position of the source, then port. */
  readonly incoming: readonly PlannedEdge[];
  /** By port; each by position of the target. */
  readonly outgoing: ReadonlyMap<string, readonly PlannedEdge[]>;
}

/** A graph made ready for execution. The same for every order in which nodes and edges were saved. */
export interface Plan {
  /** In plan order: by level, then by id. Every edge leads forward. */
  readonly nodes: readonly PlannedNode[];
  /** Node ids by level: no node of a set leads to another of the same set. */
  readonly readySets: readonly (readonly string[])[];
  /** Ids of the nodes without incoming edges, in plan order. */
  readonly triggers: readonly string[];
  /** Alias to node id. */
  readonly aliases: ReadonlyMap<string, string>;
  /** Node id to position. */
  readonly positions: ReadonlyMap<string, number>;
}

/** Plans a graph that `validateGraph` accepted. @throws NodeError INTERNAL, EXECUTION_UNREADABLE when edges dangle or form a cycle, or ids repeat. */
export function planGraph(graph: Graph): Plan {
  const ordered = inPlanOrder(graph);
  const positions = new Map(ordered.map(({ node }, position) => [node.id, position]));
  const edges = graph.edges.map((edge) => plannedEdge(edge, positions)).toSorted(compareEdges);
  const incoming = ordered.map((): PlannedEdge[] => []);
  const outgoing = ordered.map(() => new Map<string, PlannedEdge[]>());
  for (const edge of edges) {
    at(incoming, edge.to).push(edge);
    const byPort = at(outgoing, edge.from);
    const samePort = byPort.get(edge.port);
    if (samePort === undefined) {
      byPort.set(edge.port, [edge]);
    } else {
      samePort.push(edge);
    }
  }
  const nodes = ordered.map(({ node, level }, position) => ({ node, position, level, incoming: at(incoming, position), outgoing: at(outgoing, position) }));
  const readySets: string[][] = [];
  for (const { node, level } of nodes) {
    (readySets[level] ??= []).push(node.id);
  }
  return {
    nodes,
    readySets,
    triggers: nodes.flatMap(({ node, level }) => (level === 0 ? [node.id] : [])),
    aliases: new Map(nodes.flatMap(({ node }) => (node.alias === undefined ? [] : [[node.alias, node.id]]))),
    positions,
  };
}

/** By level, then by id in the order of code units (ids are ASCII, so these are their code points). */
function inPlanOrder(graph: Graph): { readonly node: GraphNode; readonly level: number }[] {
  const indexes = new Map(graph.nodes.map(({ id }, index) => [id, index]));
  const { order, levels } = topologyOf(adjacencyOf(graph, indexes));
  if (order.length < graph.nodes.length || indexes.size < graph.nodes.length) {
    throw unreadable("its edges form a cycle, or an id repeats");
  }
  return order
    .map((index) => ({ node: at(graph.nodes, index), level: at(levels, index) }))
    .toSorted((left, right) => left.level - right.level || compareText(left.node.id, right.node.id));
}

function adjacencyOf(graph: Graph, indexes: ReadonlyMap<string, number>): Adjacency {
  const outgoing = graph.nodes.map((): number[] => []);
  for (const edge of graph.edges) {
    const { from, to } = plannedEdge(edge, indexes);
    at(outgoing, from).push(to);
  }
  return outgoing;
}

function plannedEdge(edge: GraphEdge, places: ReadonlyMap<string, number>): PlannedEdge {
  const [from, to] = [places.get(edge.from), places.get(edge.to)];
  if (from === undefined || to === undefined) {
    throw unreadable(`the edge "${edge.from}" → "${edge.to}" dangles`);
  }
  return { from, port: edge.port, to };
}

/** By source, port, target, so that incoming edges come by source and port, outgoing ones by port and target. */
function compareEdges(left: PlannedEdge, right: PlannedEdge): number {
  return left.from - right.from || compareText(left.port, right.port) || left.to - right.to;
}

function unreadable(reason: string): NodeError {
  return new NodeError(`The graph cannot be planned: ${reason}.`, { errorClass: "INTERNAL", code: "EXECUTION_UNREADABLE" });
}

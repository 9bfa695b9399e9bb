import { at, compareText } from "../collections.ts";
import { NodeError } from "../errors/node-error.ts";
import type { NodeCatalog } from "../graph/catalog.ts";
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
  /** Length of the longest path from a trigger, where the body of a loop lies between the loop and what follows it. */
  readonly level: number;
  /** It goes on with the first branch that arrives. */
  readonly joinsFirst: boolean;
  /** By position of the source, then port. */
  readonly incoming: readonly PlannedEdge[];
  /** By port; each by position of the target. */
  readonly outgoing: ReadonlyMap<string, readonly PlannedEdge[]>;
}

/** Nodes that are settled together: those of an execution outside of its loops, or those of one loop's body for one item. */
export interface ScopePlan {
  /** In plan order: by level, then by id. Every edge leads forward. */
  readonly nodes: readonly PlannedNode[];
  /** Ids of the nodes without incoming edges, in plan order. */
  readonly triggers: readonly string[];
  /** Node id to position in this scope. */
  readonly positions: ReadonlyMap<string, number>;
}

/** A graph made ready for execution. The same for every order in which nodes and edges were saved. Itself the scope of all nodes, for who does not run it. */
export interface Plan extends ScopePlan {
  /** Node ids by level: no node of a set leads to another of the same set. */
  readonly readySets: readonly (readonly string[])[];
  /** Alias to node id. */
  readonly aliases: ReadonlyMap<string, string>;
  /** The nodes outside of loops, the loops themselves among them. */
  readonly root: ScopePlan;
  /** By the id of a loop: its body. The loop stands at its head, as its only trigger, with the edges of its body port and no others. */
  readonly loops: ReadonlyMap<string, ScopePlan>;
  /** By the id of a node in the body of a loop: the id of the loop. */
  readonly loopOf: ReadonlyMap<string, string>;
}

/** Plans a graph that `validateGraph` accepted. @throws NodeError INTERNAL, EXECUTION_UNREADABLE when edges dangle or form a cycle, ids repeat, or a loop is not closed. */
export function planGraph(graph: Graph, catalog: NodeCatalog): Plan {
  const loops = findLoops(graph, catalog);
  const loopOf = new Map([...loops].flatMap(([loop, { body }]) => [...body].map((nodeId): [string, string] => [nodeId, loop])));
  const ordered = inPlanOrder(graph, loops);
  const isFirst = (node: GraphNode): boolean => catalog.get(node.type)?.joinsFirst?.(node.params) ?? false;
  const whole = scopeOf(ordered.map(({ node, level }) => ({ node, level, joinsFirst: isFirst(node) })), graph.edges);
  const readySets: string[][] = [];
  for (const { node, level } of ordered) {
    (readySets[level] ??= []).push(node.id);
  }
  return {
    ...whole,
    readySets,
    aliases: new Map(ordered.flatMap(({ node }) => (node.alias === undefined ? [] : [[node.alias, node.id]]))),
    // Bodies are closed: an edge into one comes from it, or is the loop's own.
    root: loops.size === 0 ? whole : partOf(whole, graph, (nodeId) => !loopOf.has(nodeId), (edge) => !loopOf.has(edge.to)),
    loops: new Map([...loops].map(([loop, { body }]) => [loop, partOf(whole, graph, (nodeId) => nodeId === loop || body.has(nodeId), (edge) => body.has(edge.to))])),
    loopOf,
  };
}

/** A node with what its place needs. */
type Placed = Pick<PlannedNode, "node" | "level" | "joinsFirst">;

function scopeOf(ordered: readonly Placed[], given: readonly GraphEdge[]): ScopePlan {
  const positions = new Map(ordered.map(({ node }, position) => [node.id, position]));
  const edges = given.map((edge) => plannedEdge(edge, positions)).toSorted(compareEdges);
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
  const nodes = ordered.map((placed, position) => ({ ...placed, position, incoming: at(incoming, position), outgoing: at(outgoing, position) }));
  return { nodes, triggers: nodes.flatMap(({ node, incoming: edges }) => (edges.length === 0 ? [node.id] : [])), positions };
}

/** Some nodes and edges of a plan as a scope of their own. */
function partOf(whole: ScopePlan, graph: Graph, hasNode: (nodeId: string) => boolean, hasEdge: (edge: GraphEdge) => boolean): ScopePlan {
  return scopeOf(whole.nodes.filter(({ node }) => hasNode(node.id)), graph.edges.filter(hasEdge));
}

interface LoopShape {
  readonly port: string;
  /** Ids of the nodes that the body port leads to. */
  readonly body: ReadonlySet<string>;
  /** Ids of the nodes of the body that lead nowhere. */
  readonly ends: readonly string[];
}

/** The loops of a graph, by id. @throws NodeError EXECUTION_UNREADABLE when a body is not closed or holds a loop */
function findLoops(graph: Graph, catalog: NodeCatalog): ReadonlyMap<string, LoopShape> {
  const ports = new Map(
    graph.nodes.flatMap(({ id, type }): [string, string][] => {
      const port = catalog.get(type)?.bodyPort;
      return port === undefined ? [] : [[id, port]];
    }),
  );
  if (ports.size === 0) {
    return new Map();
  }
  const loops = new Map<string, LoopShape>();
  for (const [loop, port] of ports) {
    const body = reachedBy(graph.edges, loop, port);
    const isOpen = graph.edges.some((edge) => body.has(edge.to) && !body.has(edge.from) && (edge.from !== loop || edge.port !== port));
    if (isOpen || [...body].some((nodeId) => ports.has(nodeId))) {
      throw unreadable(`the body of the loop "${loop}" is not closed, or holds a loop`);
    }
    const inner = new Set(graph.edges.map(({ from }) => from));
    loops.set(loop, { port, body, ends: [...body].filter((nodeId) => !inner.has(nodeId)) });
  }
  return loops;
}

/** Ids of the nodes that a port of a node leads to, however far. */
function reachedBy(edges: readonly GraphEdge[], from: string, port: string): ReadonlySet<string> {
  const targets = new Map<string, string[]>();
  for (const edge of edges) {
    const known = targets.get(edge.from) ?? [];
    known.push(edge.to);
    targets.set(edge.from, known);
  }
  const reached = new Set(edges.flatMap((edge) => (edge.from === from && edge.port === port ? [edge.to] : [])));
  for (const nodeId of reached) {
    for (const target of targets.get(nodeId) ?? []) {
      reached.add(target);
    }
  }
  return reached;
}

/** By level, then by id in the order of code units (ids are ASCII, so these are their code points). What follows a loop stands behind its body. */
function inPlanOrder(graph: Graph, loops: ReadonlyMap<string, LoopShape>): { readonly node: GraphNode; readonly level: number }[] {
  const indexes = new Map(graph.nodes.map(({ id }, index) => [id, index]));
  const { order, levels } = topologyOf(adjacencyOf(graph, indexes, loops));
  if (order.length < graph.nodes.length || indexes.size < graph.nodes.length) {
    throw unreadable("its edges form a cycle, or an id repeats");
  }
  return order
    .map((index) => ({ node: at(graph.nodes, index), level: at(levels, index) }))
    .toSorted((left, right) => left.level - right.level || compareText(left.node.id, right.node.id));
}

function adjacencyOf(graph: Graph, indexes: ReadonlyMap<string, number>, loops: ReadonlyMap<string, LoopShape>): Adjacency {
  const outgoing = graph.nodes.map((): number[] => []);
  for (const edge of graph.edges) {
    const { from, to } = plannedEdge(edge, indexes);
    at(outgoing, from).push(to);
    const loop = loops.get(edge.from);
    for (const end of loop === undefined || edge.port === loop.port ? [] : loop.ends) {
      at(outgoing, indexes.get(end) ?? from).push(to);
    }
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

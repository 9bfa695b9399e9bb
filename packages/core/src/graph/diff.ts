import { compareText } from "../collections.ts";
import type { Json } from "../json.ts";
import { applyChanges, diffJson, type JsonChange } from "../json-diff.ts";
import type { NodeCatalog } from "./catalog.ts";
import { graphSchema, type Graph, type GraphEdge, type GraphNode } from "./graph.ts";
import { canonicalGraph } from "./hash.ts";

/** How one node became another: JSON pointers into the node. */
export interface NodeChange {
  readonly id: string;
  readonly changes: readonly JsonChange[];
}

/** What happens to the triggers of a workflow when the second graph is published in place of the first. */
export interface TriggerChange {
  readonly nodeId: string;
  readonly type: string;
  readonly change: "added" | "removed" | "changed";
}

/** What turns one graph into another. Everything is in the order of ids, so that the same two graphs always have the same difference. */
export interface GraphDiff {
  readonly isSame: boolean;
  readonly nodes: { readonly added: readonly GraphNode[]; readonly removed: readonly GraphNode[]; readonly changed: readonly NodeChange[] };
  readonly edges: { readonly added: readonly GraphEdge[]; readonly removed: readonly GraphEdge[] };
  readonly triggers: readonly TriggerChange[];
}

/**
 * The difference of two graphs by content: order, canvas positions and written-out defaults do not count, as in their hash. A node is the same node
 * while it keeps its id; edges have no identity, so they come and go.
 * @param from @param to graphs in which no two nodes share an id
 * @param catalog tells which nodes are triggers
 */
export function diffGraphs(from: Graph, to: Graph, catalog: NodeCatalog): GraphDiff {
  const [before, after] = [canonicalGraph(from), canonicalGraph(to)];
  const [known, next] = [byId(before.nodes), byId(after.nodes)];
  const added = after.nodes.filter(({ id }) => !known.has(id));
  const removed = before.nodes.filter(({ id }) => !next.has(id));
  const changed = before.nodes.flatMap((node): NodeChange[] => {
    const successor = next.get(node.id);
    const changes = successor === undefined ? [] : diffJson(nodeJson(node), nodeJson(successor));
    return changes.length === 0 ? [] : [{ id: node.id, changes }];
  });
  const edges = { added: edgesWithout(after.edges, before.edges), removed: edgesWithout(before.edges, after.edges) };
  const isSame = [added, removed, changed, edges.added, edges.removed].every((list) => list.length === 0);
  return { isSame, nodes: { added, removed, changed }, edges, triggers: triggerChanges({ added, removed, changed }, known, next, catalog) };
}

/** The graph with a difference made to it, in canonical form: `applyGraphDiff(a, diffGraphs(a, b))` has the content of `b`. @throws ZodError when the result is no graph */
export function applyGraphDiff(graph: Graph, { nodes, edges }: Pick<GraphDiff, "nodes" | "edges">): Graph {
  const base = canonicalGraph(graph);
  const gone = new Set(nodes.removed.map(({ id }) => id));
  const changes = new Map(nodes.changed.map(({ id, changes: list }) => [id, list]));
  const kept = base.nodes.filter(({ id }) => !gone.has(id)).map((node) => applyChanges(nodeJson(node), changes.get(node.id) ?? []));
  return canonicalGraph(graphSchema.parse({ nodes: [...kept, ...nodes.added], edges: [...edgesWithout(base.edges, edges.removed), ...edges.added] }));
}

/** A node as JSON: a field that is present but undefined is the same as an absent one. */
export function nodeJson(node: GraphNode): Json {
  return JSON.parse(JSON.stringify(node)) as Json;
}

/** The text that two edges share when they are the same. Unambiguous: ids hold no spaces. */
export function edgeKey({ from, to, port }: GraphEdge): string {
  return `${from} ${to} ${port}`;
}

function byId(nodes: readonly GraphNode[]): ReadonlyMap<string, GraphNode> {
  return new Map(nodes.map((node) => [node.id, node]));
}

/** `edges` less `others`, each of which takes one away: a draft may hold an edge twice. */
function edgesWithout(edges: readonly GraphEdge[], others: readonly GraphEdge[]): GraphEdge[] {
  const counts = new Map<string, number>();
  for (const edge of others) counts.set(edgeKey(edge), (counts.get(edgeKey(edge)) ?? 0) + 1);
  return edges.filter((edge) => {
    const count = counts.get(edgeKey(edge)) ?? 0;
    if (count > 0) counts.set(edgeKey(edge), count - 1);
    return count === 0;
  });
}

function triggerChanges(nodes: GraphDiff["nodes"], known: ReadonlyMap<string, GraphNode>, next: ReadonlyMap<string, GraphNode>, catalog: NodeCatalog): TriggerChange[] {
  const isTrigger = (node: GraphNode | undefined): node is GraphNode => node !== undefined && catalog.get(node.type)?.kind === "trigger";
  const of = (node: GraphNode | undefined, change: TriggerChange["change"]): TriggerChange[] => (isTrigger(node) ? [{ nodeId: node.id, type: node.type, change }] : []);
  const changed = nodes.changed.flatMap(({ id }) => {
    const [before, after] = [known.get(id), next.get(id)];
    if (isTrigger(before) && !isTrigger(after)) return of(before, "removed");
    return of(after, isTrigger(before) ? "changed" : "added");
  });
  const all = [...nodes.added.flatMap((node) => of(node, "added")), ...nodes.removed.flatMap((node) => of(node, "removed")), ...changed];
  return all.toSorted((left, right) => compareText(left.nodeId, right.nodeId));
}

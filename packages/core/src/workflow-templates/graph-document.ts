import { edgeKey, nodeJson } from "../graph/diff.ts";
import { graphSchema, type Graph, type GraphNode } from "../graph/graph.ts";
import { canonicalGraph } from "../graph/hash.ts";
import type { Json, JsonObject } from "../json.ts";

/**
 * A graph as one JSON document in which everything has a lasting name: `/nodes/<id>/…` and `/edges/<from> <to> <port>`. What two people change in it
 * can be compared by JSON pointers. Canvas positions are no part of it. @param graph in which no two nodes share an id
 */
export function graphDocument(graph: Graph): JsonObject {
  const { nodes, edges } = canonicalGraph(graph);
  return { nodes: Object.fromEntries(nodes.map((node) => [node.id, nodeJson(node)])), edges: Object.fromEntries(edges.map((edge) => [edgeKey(edge), { ...edge }])) };
}

/** The graph of a document. Nodes get their canvas positions from the first of `placed` that has them. @throws ZodError when the document is none of a graph */
export function documentGraph(document: Json, placed: readonly Graph[]): Graph {
  const { nodes, edges } = typeof document === "object" && document !== null && !Array.isArray(document) ? document : {};
  const graph = canonicalGraph(graphSchema.parse({ nodes: Object.values(nodes ?? {}), edges: Object.values(edges ?? {}) }));
  return { ...graph, nodes: graph.nodes.map((node) => withPosition(node, placed)) };
}

function withPosition(node: GraphNode, placed: readonly Graph[]): GraphNode {
  const position = placed.flatMap(({ nodes }) => nodes.find(({ id }) => id === node.id)?.position ?? [])[0];
  return position === undefined ? node : { ...node, position };
}

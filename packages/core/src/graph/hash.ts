import { createHash } from "node:crypto";
import type { z } from "zod";
import { canonicalJson } from "../canonical-json.ts";
import { compareText } from "../collections.ts";
import type { Json } from "../json.ts";
import { graphSchema, type Graph, type GraphEdge, type GraphNode } from "./graph.ts";

/**
 * The graph in the one form that all graphs of the same content share: defaults applied, nodes by id, edges by source, port and target,
 * no canvas positions, no empty retry settings. @throws ZodError when it is not a graph.
 */
export function canonicalGraph(graph: z.input<typeof graphSchema>): Graph {
  const { nodes, edges } = graphSchema.parse(graph);
  return {
    nodes: nodes.map(canonicalNode).toSorted((left, right) => compareText(left.id, right.id)),
    edges: edges.toSorted(compareEdges),
  };
}

/** Content hash of a graph: lower-case hex SHA-256 of the canonical JSON (RFC 8785) of its canonical form. @throws ZodError when it is not a graph. */
export function graphHash(graph: z.input<typeof graphSchema>): string {
  // Through JSON, so that a field that is present but undefined is the same as an absent one.
  const content: Json = JSON.parse(JSON.stringify(canonicalGraph(graph)));
  return createHash("sha256").update(canonicalJson(content), "utf8").digest("hex");
}

function canonicalNode({ position: _canvas, retry, ...content }: GraphNode): GraphNode {
  return retry === undefined || Object.keys(retry).length === 0 ? content : { ...content, retry };
}

function compareEdges(left: GraphEdge, right: GraphEdge): number {
  return compareText(left.from, right.from) || compareText(left.port, right.port) || compareText(left.to, right.to);
}

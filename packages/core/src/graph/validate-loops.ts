import { at } from "../collections.ts";
import { jsonPointer } from "../json-pointer.ts";
import type { NodeDefinition } from "../node/definition.ts";
import type { GraphEdge, GraphNode } from "./graph.ts";
import type { GraphIssue } from "./issue.ts";
import { reachableFrom, type Adjacency } from "./topology.ts";

interface KnownNode {
  readonly node: GraphNode;
  readonly definition: NodeDefinition | undefined;
}

/** A loop and the nodes of its body, by index. */
export interface GraphLoop {
  readonly index: number;
  readonly bodyPort: string;
  readonly body: ReadonlySet<number>;
}

/** The loops of a graph: the body is all that the loop's body port leads to. On a cycle the loop itself is left out of it. */
export function findLoops(nodes: readonly KnownNode[], edges: readonly GraphEdge[], outgoing: Adjacency, indexes: ReadonlyMap<string, number>): GraphLoop[] {
  return nodes.flatMap(({ node, definition }, index): GraphLoop[] => {
    const bodyPort = definition?.bodyPort;
    if (bodyPort === undefined || indexes.get(node.id) !== index) {
      return [];
    }
    const starts = edges.flatMap(({ from, port, to }) => {
      const target = indexes.get(to);
      return from === node.id && port === bodyPort && target !== undefined && at(outgoing, index).includes(target) ? [target] : [];
    });
    return [{ index, bodyPort, body: new Set([...reachableFrom(starts, outgoing)].filter((member) => member !== index)) }];
  });
}

/** A body is entered by its loop's body port alone, holds no other loop, and no node that has its place outside of loops. */
export function findLoopIssues(loops: readonly GraphLoop[], nodes: readonly KnownNode[], edges: readonly GraphEdge[], indexes: ReadonlyMap<string, number>): GraphIssue[] {
  return loops.flatMap((loop) => {
    const loopId = at(nodes, loop.index).node.id;
    return [...findMemberIssues(loop, loopId, nodes), ...findEntryIssues(loop, loopId, edges, indexes)];
  });
}

function findMemberIssues({ body }: GraphLoop, loopId: string, nodes: readonly KnownNode[]): GraphIssue[] {
  return [...body].toSorted((left, right) => left - right).flatMap((index): GraphIssue[] => {
    const { node, definition } = at(nodes, index);
    const where = { nodeId: node.id, path: jsonPointer(["nodes", index]) };
    if (definition?.bodyPort !== undefined) {
      return [{ ...where, code: "LOOP_NESTED", message: `The loop "${node.id}" stands in the body of the loop "${loopId}". Put it into a workflow of its own and call that as a sub-workflow.` }];
    }
    if (definition?.isOutsideLoops === true) {
      return [{ ...where, code: "LOOP_NODE_REFUSED", message: `"${node.id}" stands in the body of the loop "${loopId}", where a node of the type ${node.type} has no place.` }];
    }
    return [];
  });
}

function findEntryIssues({ body, bodyPort }: GraphLoop, loopId: string, edges: readonly GraphEdge[], indexes: ReadonlyMap<string, number>): GraphIssue[] {
  return edges.flatMap(({ from, port, to }, index): GraphIssue[] => {
    const [source, target] = [indexes.get(from), indexes.get(to)];
    if (source === undefined || target === undefined || !body.has(target) || body.has(source) || (from === loopId && port === bodyPort)) {
      return [];
    }
    const message = `"${to}" is in the body of the loop "${loopId}", because the port "${bodyPort}" leads to it; the edge from the port "${port}" of "${from}" leads into it from outside.`;
    return [{ code: "LOOP_NOT_CLOSED", nodeId: to, path: jsonPointer(["edges", index]), message }];
  });
}

import { at } from "../collections.ts";
import { jsonPointer } from "../json-pointer.ts";
import type { NodeDefinition } from "../node/definition.ts";
import { templatedParams } from "../templates/literal.ts";
import { scanTemplates } from "../templates/references.ts";
import type { NodeCatalog } from "./catalog.ts";
import type { Graph, GraphEdge, GraphNode } from "./graph.ts";
import type { GraphIssue, GraphIssueCode } from "./issue.ts";
import { RESERVED_NAMES } from "./names.ts";
import { ancestorsOf, findCycles, reachableFrom, topologyOf } from "./topology.ts";
import { findLoopIssues, findLoops, type GraphLoop } from "./validate-loops.ts";
import { findParamsIssues } from "./validate-params.ts";
import { compareTypes, type Upstream } from "./validate-template-types.ts";
import { findTemplateIssues, type GraphNames } from "./validate-templates.ts";

/** A node together with what the other checks know about it. */
interface KnownNode {
  readonly node: GraphNode;
  readonly definition: NodeDefinition | undefined;
}

/**
 * Everything that keeps a graph from being published, all at once: names, types, edges, ports, cycles, reachability, parameters, templates.
 * The order of the issues follows the graph. A node of an unknown type is taken for a possible trigger, so that one mistake is one issue.
 */
export function validateGraph(graph: Graph, catalog: NodeCatalog): GraphIssue[] {
  return [...checkGraph(graph, catalog).issues];
}

/** `issues`: as `validateGraph` has them. `warnings`: what most likely does not work, and keeps nothing from being published. */
export function checkGraph(graph: Graph, catalog: NodeCatalog): { readonly issues: readonly GraphIssue[]; readonly warnings: readonly GraphIssue[] } {
  const nodes = graph.nodes.map((node) => ({ node, definition: catalog.get(node.type) }));
  const indexes = indexesById(graph.nodes);
  const outgoing = adjacencyOf(graph.edges, nodes, indexes);
  const loops = findLoops(nodes, graph.edges, outgoing, indexes);
  const names = namesOf(nodes, outgoing, indexes, loops);
  const upstream = upstreamOf(nodes, names);
  const scans = nodes.map(({ node, definition }) => scanTemplates(templatedParams(node.params, definition?.literalParams)));
  const types = nodes.map(({ node, definition }, index) => compareTypes(node, index, at(scans, index), definition, upstream));
  const issues = [
    ...findNameIssues(graph.nodes, indexes),
    ...findTypeIssues(nodes),
    ...findEdgeIssues(graph.edges, nodes, indexes),
    ...findShapeIssues(nodes, outgoing, indexes),
    ...findLoopIssues(loops, nodes, graph.edges, indexes),
    ...nodes.flatMap(({ node, definition }, index) => [
      ...(definition === undefined ? [] : findParamsIssues(node, index, definition)),
      ...withoutRepeats(findTemplateIssues(node, index, at(scans, index), definition?.kind === "trigger", names), at(types, index).errors),
    ]),
  ];
  return { issues, warnings: types.flatMap(({ warnings }) => warnings) };
}

/** One mistake is one issue: a path is judged only where all names of its text can be there. */
function withoutRepeats(issues: readonly GraphIssue[], further: readonly GraphIssue[]): readonly GraphIssue[] {
  const paths = new Set(issues.map(({ path }) => path));
  return [...issues, ...further.filter(({ path }) => !paths.has(path))];
}

function upstreamOf(nodes: readonly KnownNode[], { indexes, aliases }: GraphNames): Upstream {
  return ({ scope, name }) => {
    const index = scope === "node" || scope === "name" ? (indexes.get(name) ?? (scope === "name" ? aliases.get(name) : undefined)) : undefined;
    const { node, definition } = (index === undefined ? undefined : nodes[index]) ?? {};
    return node === undefined || definition === undefined ? undefined : { node, definition };
  };
}

function namesOf(nodes: readonly KnownNode[], outgoing: readonly (readonly number[])[], indexes: ReadonlyMap<string, number>, loops: readonly GraphLoop[]): GraphNames {
  const { order } = topologyOf(outgoing);
  const ordered = new Set(order);
  const leads = ancestorsOf(outgoing, order);
  const joins = new Set(nodes.flatMap(({ node, definition }, index) => (definition?.joinsFirst?.(node.params) === true ? [index] : [])));
  const leadsSurely = joins.size === 0 ? leads : ancestorsOf(outgoing, order, joins);
  return {
    indexes,
    aliases: aliasesOf(nodes.map(({ node }) => node), indexes),
    isBefore: (first, second) => !ordered.has(second) || leads(first, second),
    isSurelyBefore: (first, second) => !ordered.has(second) || leadsSurely(first, second),
    loopOf: new Map(loops.flatMap(({ index, body }) => [...body].map((member) => [member, { index, id: at(nodes, index).node.id }] as const))),
  };
}

/** The first node of each id. */
function indexesById(nodes: readonly GraphNode[]): ReadonlyMap<string, number> {
  const indexes = new Map<string, number>();
  for (const [index, { id }] of nodes.entries()) {
    if (!indexes.has(id)) {
      indexes.set(id, index);
    }
  }
  return indexes;
}

function aliasesOf(nodes: readonly GraphNode[], indexes: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const aliases = new Map<string, number>();
  for (const [index, { alias }] of nodes.entries()) {
    if (alias !== undefined && !indexes.has(alias) && !aliases.has(alias)) {
      aliases.set(alias, index);
    }
  }
  return aliases;
}

function canTrigger({ definition }: KnownNode): boolean {
  return definition === undefined || definition.kind === "trigger";
}

/** The edges between nodes that exist; those into a trigger have their own issue and are left out. */
function adjacencyOf(edges: readonly GraphEdge[], nodes: readonly KnownNode[], indexes: ReadonlyMap<string, number>): number[][] {
  const outgoing = nodes.map((): number[] => []);
  for (const edge of edges) {
    const [from, to] = [indexes.get(edge.from), indexes.get(edge.to)];
    if (from !== undefined && to !== undefined && at(nodes, to).definition?.kind !== "trigger") {
      at(outgoing, from).push(to);
    }
  }
  return outgoing;
}

function findNameIssues(nodes: readonly GraphNode[], indexes: ReadonlyMap<string, number>): GraphIssue[] {
  const issues: GraphIssue[] = [];
  const aliases = new Set<string>();
  for (const [index, { id, alias }] of nodes.entries()) {
    const report = (code: GraphIssueCode, field: "id" | "alias", message: string): void => {
      issues.push({ code, nodeId: id, path: jsonPointer(["nodes", index, field]), message });
    };
    if (indexes.get(id) !== index) {
      report("NODE_ID_DUPLICATE", "id", `Another node has the id "${id}" already.`);
    }
    if (RESERVED_NAMES.has(id)) {
      report("NAME_RESERVED", "id", `"${id}" is reserved and cannot be the id of a node.`);
    }
    if (alias === undefined) {
      continue;
    }
    if (RESERVED_NAMES.has(alias)) {
      report("NAME_RESERVED", "alias", `"${alias}" is reserved and cannot be an alias.`);
    }
    if (aliases.has(alias)) {
      report("ALIAS_DUPLICATE", "alias", `Another node has the alias "${alias}" already.`);
    } else if (alias !== id && indexes.has(alias)) {
      report("ALIAS_DUPLICATE", "alias", `The alias "${alias}" is the id of another node.`);
    }
    aliases.add(alias);
  }
  return issues;
}

function findTypeIssues(nodes: readonly KnownNode[]): GraphIssue[] {
  const issues = nodes.flatMap(({ node, definition }, index): GraphIssue[] => {
    if (definition !== undefined) {
      return [];
    }
    return [{ code: "NODE_TYPE_UNKNOWN", nodeId: node.id, path: jsonPointer(["nodes", index, "type"]), message: `There is no node type "${node.type}".` }];
  });
  if (!nodes.some(canTrigger)) {
    issues.unshift({ code: "GRAPH_WITHOUT_TRIGGER", path: "/nodes", message: "No node is a trigger, so nothing can start the workflow." });
  }
  return issues;
}

function findEdgeIssues(edges: readonly GraphEdge[], nodes: readonly KnownNode[], indexes: ReadonlyMap<string, number>): GraphIssue[] {
  const issues: GraphIssue[] = [];
  const seen = new Set<string>();
  const ports = new Map<number, ReadonlySet<string> | undefined>();
  for (const [index, edge] of edges.entries()) {
    const path = (field: string): string => jsonPointer(["edges", index, field]);
    for (const field of ["from", "to"] as const) {
      if (!indexes.has(edge[field])) {
        issues.push({ code: "EDGE_DANGLING", path: path(field), message: `The edge "${edge.from}" → "${edge.to}" names the node "${edge[field]}", which does not exist.` });
      }
    }
    // Unambiguous: ids hold no spaces.
    const key = `${edge.from} ${edge.to} ${edge.port}`;
    if (seen.has(key)) {
      const message = `There is another edge from the port "${edge.port}" of "${edge.from}" to "${edge.to}".`;
      issues.push({ code: "EDGE_DUPLICATE", path: jsonPointer(["edges", index]), message });
    }
    seen.add(key);
    const [from, to] = [indexes.get(edge.from), indexes.get(edge.to)];
    if (to !== undefined && at(nodes, to).definition?.kind === "trigger") {
      issues.push({ code: "EDGE_INTO_TRIGGER", nodeId: edge.to, path: path("to"), message: `"${edge.to}" is a trigger, so no edge can lead into it.` });
    }
    if (from === undefined) {
      continue;
    }
    if (!ports.has(from)) {
      ports.set(from, portsOf(at(nodes, from), from));
    }
    const known = ports.get(from);
    if (known !== undefined && !known.has(edge.port)) {
      const message = `"${edge.from}" has no port "${edge.port}"; it has ${[...known].map((port) => `"${port}"`).join(", ") || "none"}.`;
      issues.push({ code: "PORT_UNKNOWN", nodeId: edge.from, path: path("port"), message });
    }
  }
  return issues;
}

/** The ports of a node; undefined when they cannot be known, which then is another issue's fault. */
function portsOf({ node, definition }: KnownNode, index: number): ReadonlySet<string> | undefined {
  if (definition === undefined) {
    return undefined;
  }
  try {
    return new Set([...definition.ports(node.params), ...(node.onError === "branch" ? ["error"] : [])]);
  } catch (error) {
    if (findParamsIssues(node, index, definition).length > 0) {
      return undefined;
    }
    throw error;
  }
}

function findShapeIssues(nodes: readonly KnownNode[], outgoing: number[][], indexes: ReadonlyMap<string, number>): GraphIssue[] {
  const idOf = (index: number): string => at(nodes, index).node.id;
  const issues = findCycles(outgoing).map((cycle): GraphIssue => {
    const start = at(cycle, 0);
    const message = `The edges form a cycle: ${[...cycle, start].map(idOf).join(" → ")}.`;
    return { code: "GRAPH_CYCLE", nodeId: idOf(start), path: jsonPointer(["nodes", start]), message };
  });
  const starts = nodes.flatMap((node, index) => (canTrigger(node) ? [index] : []));
  const reached = reachableFrom(starts, outgoing);
  for (const [index, { node }] of nodes.entries()) {
    if (starts.length > 0 && indexes.get(node.id) === index && !reached.has(index)) {
      issues.push({ code: "NODE_UNREACHABLE", nodeId: node.id, path: jsonPointer(["nodes", index]), message: `No trigger leads to "${node.id}".` });
    }
  }
  return issues;
}

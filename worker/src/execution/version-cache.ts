import { compileTemplates, type CompiledParams } from "@fluxo/core/templates/render";
import { graphSchema, type Graph, type GraphNode } from "@fluxo/core/graph/graph";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { NodeDefinition } from "@fluxo/core/node/definition";
import { planGraph, type Plan } from "@fluxo/core/planning/plan";
import { retryPolicyFor, type RetryPolicy } from "@fluxo/core/retry/policy";
import { catalog, findDefinition } from "@fluxo/nodes/catalog";

/** A node with everything about it that does not change between executions. */
export interface CompiledNode {
  readonly node: GraphNode;
  readonly position: number;
  readonly definition: NodeDefinition;
  readonly params: CompiledParams;
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
  /** An attempt of unknown outcome must not be repeated: an intent row is written first. */
  readonly guardsRepeat: boolean;
}

/** A published version ready to run. */
export interface CompiledVersion {
  readonly plan: Plan;
  readonly nodes: ReadonlyMap<string, CompiledNode>;
  /** By id of a trigger node: what its callers wait for. Only triggers whose callers wait. */
  readonly awaited: ReadonlyMap<string, AwaitedResponse>;
}

/** What the caller of a synchronous webhook waits for: the end, or a respond node. */
export type AwaitedResponse = "lastNode" | "respondNode";

/** @throws NodeError INTERNAL, EXECUTION_UNREADABLE when this worker does not know a node type or the graph cannot be planned */
export function compileVersion(graph: Graph): CompiledVersion {
  const plan = planGraph(graph, { get: findDefinition });
  const nodes = new Map(
    plan.nodes.map(({ node, position }) => {
      const definition = findDefinition(node.type);
      if (definition === undefined) {
        throw new NodeError(`This worker has no node type "${node.type}".`, { errorClass: "INTERNAL", code: "EXECUTION_UNREADABLE" });
      }
      return [node.id, compileNode(node, position, definition)];
    }),
  );
  return { plan, nodes, awaited: awaitedResponses(graph) };
}

/** A node of a known type, ready to run. */
export function compileNode(node: GraphNode, position: number, definition: NodeDefinition): CompiledNode {
  return {
    node,
    position,
    definition,
    params: compileTemplates(node.params, definition.literalParams),
    retry: retryPolicyFor(definition.retryClass, node.retry),
    timeoutMs: node.timeoutMs ?? definition.defaultTimeoutMs,
    guardsRepeat: definition.guardsRepeat?.(node.params) ?? false,
  };
}

function awaitedResponses(graph: Graph): ReadonlyMap<string, AwaitedResponse> {
  const awaited = new Map<string, AwaitedResponse>();
  for (const { id, type, params } of graph.nodes) {
    if (type !== catalog["trigger.webhook"].type) continue;
    const mode = catalog["trigger.webhook"].params.safeParse(params).data?.response.mode;
    if (mode === "lastNode" || mode === "respondNode") awaited.set(id, mode);
  }
  return awaited;
}

/** What a version turned out to be: ready to run, or the reason why this worker cannot run it. */
export type VersionOutcome = { readonly kind: "compiled"; readonly version: CompiledVersion } | { readonly kind: "unreadable"; readonly error: unknown };

/** Graphs as they are stored. */
type LoadGraphs = (tenantId: string, versionIds: readonly string[]) => Promise<ReadonlyMap<string, unknown>>;

/** Compiled versions by id, the least recently used dropped first. Versions never change, so nothing goes stale. */
export class VersionCache {
  readonly #load: LoadGraphs;
  readonly #maxEntries: number;
  readonly #entries = new Map<string, VersionOutcome>();

  constructor(load: LoadGraphs, maxEntries = 1_000) {
    this.#load = load;
    this.#maxEntries = maxEntries;
  }

  /** The versions of a batch of one tenant; one statement for those that are not known yet. */
  async get(tenantId: string, versionIds: ReadonlySet<string>): Promise<ReadonlyMap<string, VersionOutcome>> {
    const found = new Map<string, VersionOutcome>();
    const missing: string[] = [];
    for (const id of versionIds) {
      const key = `${tenantId}:${id}`;
      const entry = this.#entries.get(key);
      if (entry === undefined) {
        missing.push(id);
      } else {
        this.#entries.delete(key);
        this.#entries.set(key, entry);
        found.set(id, entry);
      }
    }
    if (missing.length > 0) {
      const graphs = await this.#load(tenantId, missing);
      for (const id of missing) found.set(id, this.#remember(`${tenantId}:${id}`, graphs.get(id)));
    }
    return found;
  }

  #remember(key: string, graph: unknown): VersionOutcome {
    if (graph === undefined) return { kind: "unreadable", error: new NodeError("The version is not there.", { errorClass: "INTERNAL", code: "EXECUTION_UNREADABLE" }) };
    const outcome = compileOutcome(graph);
    this.#entries.set(key, outcome);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#maxEntries) break;
      this.#entries.delete(oldest);
    }
    return outcome;
  }
}

/** A graph may have been published by a later version of Fluxo: what this one cannot read concerns its own executions alone. */
function compileOutcome(stored: unknown): VersionOutcome {
  const graph = graphSchema.safeParse(stored);
  if (!graph.success) return { kind: "unreadable", error: new NodeError("This worker cannot read the graph of the version.", { errorClass: "INTERNAL", code: "EXECUTION_UNREADABLE", cause: graph.error }) };
  try {
    return { kind: "compiled", version: compileVersion(graph.data) };
  } catch (error) {
    return { kind: "unreadable", error };
  }
}

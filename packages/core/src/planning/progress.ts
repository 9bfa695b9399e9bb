import { at } from "../collections.ts";
import type { PlannedEdge, PlannedNode, ScopePlan } from "./plan.ts";

/** How a node ended. `done` takes the edges of its ports; `failed` takes none. */
export type NodeOutcome = { readonly kind: "done"; readonly ports: readonly string[] } | { readonly kind: "failed" };

/** `blocked`: needs results that are not there yet. `ready`: may begin, is in work or waits. `pruned`: no taken edge leads to it. */
export type NodeState = "blocked" | "ready" | "done" | "failed" | "pruned";

/** What one step changed: node ids in plan order. */
export interface ProgressStep {
  readonly ready: readonly string[];
  readonly pruned: readonly string[];
}

/** A taken incoming edge. */
export interface TakenInput {
  readonly nodeId: string;
  readonly port: string;
}

interface NodeProgress {
  state: NodeState;
  openEdges: number;
  readonly taken: Set<PlannedEdge>;
}

/**
 * Which nodes of one scope (an execution outside of its loops, or one item of a loop) are settled, ready or out of reach (dead-path elimination).
 *
 * A node is resolved when all its incoming edges are; it is ready when at least one of them is taken, and pruned when none is. An edge is taken when
 * its source is done with its port, and dead when its source is done without it, failed or was pruned. A node that joins the first branch is ready as
 * soon as one edge is taken, and the later ones do not count. Which nodes are done, failed and pruned in the end is the same in whatever order nodes
 * settle. A whole scope costs as many steps as the plan has nodes and edges.
 */
export class Progress {
  readonly #plan: ScopePlan;
  readonly #nodes: readonly NodeProgress[];
  #openNodes: number;

  private constructor(plan: ScopePlan) {
    this.#plan = plan;
    this.#nodes = plan.nodes.map(({ incoming }) => ({ state: "blocked", openEdges: incoming.length, taken: new Set() }));
    this.#openNodes = plan.nodes.length;
  }

  /** The trigger that fired is ready; the other triggers are pruned, with all that only they reach. @throws RangeError when it is no trigger. */
  static start(plan: ScopePlan, triggerNodeId: string): Progress {
    if (!plan.triggers.includes(triggerNodeId)) {
      throw new RangeError(`"${triggerNodeId}" is no trigger of this plan.`);
    }
    const progress = new Progress(plan);
    for (const trigger of plan.triggers) {
      if (trigger === triggerNodeId) {
        progress.#get(trigger).state = "ready";
      } else {
        progress.#close(progress.#planned(trigger), "pruned", new Set());
      }
    }
    return progress;
  }

  /**
   * The progress that recorded outcomes, by node id, lead to. Settles them in plan order; outcomes of nodes that cannot have been ready are refused.
   * @throws RangeError when the outcomes do not belong to this plan and trigger.
   */
  static restore(plan: ScopePlan, triggerNodeId: string, outcomes: ReadonlyMap<string, NodeOutcome>): Progress {
    const progress = Progress.start(plan, triggerNodeId);
    const unknown = [...outcomes.keys()].find((nodeId) => !plan.positions.has(nodeId));
    if (unknown !== undefined) {
      throw new RangeError(`The plan has no node "${unknown}".`);
    }
    for (const { node } of plan.nodes) {
      const outcome = outcomes.get(node.id);
      if (outcome !== undefined) {
        progress.settle(node.id, outcome);
      }
    }
    return progress;
  }

  /** Records how a ready node ended and tells what that made ready or pruned. @throws RangeError when the node is not ready. */
  settle(nodeId: string, outcome: NodeOutcome): ProgressStep {
    const planned = this.#planned(nodeId);
    if (this.stateOf(nodeId) !== "ready") {
      throw new RangeError(`"${nodeId}" cannot be settled: it is ${this.stateOf(nodeId)}.`);
    }
    const takenPorts = new Set(outcome.kind === "done" ? outcome.ports : []);
    return this.#close(planned, outcome.kind, takenPorts);
  }

  /** Ids of the nodes that are ready and not settled, in plan order. Walks the whole plan. */
  get ready(): readonly string[] {
    return this.#inState("ready");
  }

  /** Ids of the nodes that are out of reach so far, in plan order. Walks the whole plan. */
  get pruned(): readonly string[] {
    return this.#inState("pruned");
  }

  /** Whether every node is settled or pruned. */
  get isFinished(): boolean {
    return this.#openNodes === 0;
  }

  /** @throws RangeError when the plan has no such node. */
  stateOf(nodeId: string): NodeState {
    return this.#get(nodeId).state;
  }

  /** The taken edges into a node so far, by plan order of their sources; complete once it is ready. Of a node that joins the first branch: that one. @throws RangeError when the plan has no such node. */
  takenInputs(nodeId: string): readonly TakenInput[] {
    const { taken } = this.#get(nodeId);
    return this.#planned(nodeId)
      .incoming.filter((edge) => taken.has(edge))
      .map(({ from, port }) => ({ nodeId: at(this.#plan.nodes, from).node.id, port }));
  }

  /** Ends a node and resolves its edges, and on from every node that this prunes. */
  #close(first: PlannedNode, end: "done" | "failed" | "pruned", takenPorts: ReadonlySet<string>): ProgressStep {
    const ready: PlannedNode[] = [];
    const pruned: PlannedNode[] = [];
    this.#end(first, end);
    this.#resolveEdges(first, takenPorts, ready, pruned);
    for (const planned of pruned) {
      this.#end(planned, "pruned");
      this.#resolveEdges(planned, new Set(), ready, pruned);
    }
    return { ready: idsInPlanOrder(ready), pruned: idsInPlanOrder(pruned) };
  }

  #end(planned: PlannedNode, end: "done" | "failed" | "pruned"): void {
    at(this.#nodes, planned.position).state = end;
    this.#openNodes -= 1;
  }

  /** Adds the targets whose last open edge this was to `ready` or `pruned`. */
  #resolveEdges(source: PlannedNode, takenPorts: ReadonlySet<string>, ready: PlannedNode[], pruned: PlannedNode[]): void {
    for (const edge of [...source.outgoing.values()].flat()) {
      const target = at(this.#nodes, edge.to);
      const planned = at(this.#plan.nodes, edge.to);
      target.openEdges -= 1;
      if (target.state !== "blocked") {
        continue;
      }
      if (takenPorts.has(edge.port)) {
        target.taken.add(edge);
      }
      if (target.openEdges > 0 && !(planned.joinsFirst && target.taken.size > 0)) {
        continue;
      }
      if (target.taken.size > 0) {
        target.state = "ready";
        ready.push(planned);
      } else {
        pruned.push(planned);
      }
    }
  }

  #inState(state: NodeState): string[] {
    return this.#plan.nodes.flatMap(({ node, position }) => (at(this.#nodes, position).state === state ? [node.id] : []));
  }

  #planned(nodeId: string): PlannedNode {
    const position = this.#plan.positions.get(nodeId);
    if (position === undefined) {
      throw new RangeError(`The plan has no node "${nodeId}".`);
    }
    return at(this.#plan.nodes, position);
  }

  #get(nodeId: string): NodeProgress {
    return at(this.#nodes, this.#planned(nodeId).position);
  }
}

function idsInPlanOrder(nodes: readonly PlannedNode[]): string[] {
  return nodes.toSorted((left, right) => left.position - right.position).map(({ node }) => node.id);
}

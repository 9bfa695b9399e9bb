import type { NodeFailure } from "@fluxo/core/errors/failure";
import type { Json } from "@fluxo/core/json";
import type { NodeInput } from "@fluxo/core/node/executor";
import type { PlannedNode, ScopePlan } from "@fluxo/core/planning/plan";
import { Progress, type NodeOutcome } from "@fluxo/core/planning/progress";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { TemplateContext } from "@fluxo/core/templates/context";
import type { JournalEntry } from "@fluxo/prisma/executions/claim";
import type { JournalRow } from "@fluxo/prisma/executions/journal";
import type { Waiting } from "./settlement.ts";

/** A node of a scope that may start as soon as all that leads into it is committed. */
export interface Task {
  readonly scope: Scope;
  readonly nodeId: string;
}

/** The loop and the item that a scope stands for. */
export interface ScopeItem {
  readonly loopId: string;
  /** The port of the loop that leads into its body. */
  readonly port: string;
  readonly index: number;
  readonly value: Json;
}

export interface ScopeParts {
  readonly plan: ScopePlan;
  /** The node that the scope begins with: the trigger that fired, or the loop. */
  readonly head: string;
  /** Undefined outside of loops. */
  readonly item?: ScopeItem;
  /** What the journal has about the nodes of this scope. */
  readonly entries: readonly JournalEntry[];
  /** Makes what the templates see, over the outputs of this scope. */
  readonly contextOf: (outputs: ReadonlyMap<string, Json>) => TemplateContext;
}

/** Nodes that are settled together, with what they came to: an execution outside of its loops, or the body of a loop for one item. */
export class Scope {
  readonly item: ScopeItem | undefined;
  readonly progress: Progress;
  readonly outputs = new Map<string, Json>();
  readonly templates: TemplateContext;
  readonly waiting = new Map<string, Waiting>();
  /** What the journal tells to be unfinished. */
  readonly unfinished: readonly JournalEntry[];
  /** Nodes in work. */
  inWork = 0;
  readonly #plan: ScopePlan;
  readonly #earlierAttempts = new Map<string, readonly NodeFailure[]>();
  /** Positions of nodes that are known to be committed. */
  readonly #committed = new Set<number>();
  readonly #unhandled = new Map<string, NodeFailure>();

  /** @throws NodeError INTERNAL, EXECUTION_UNREADABLE when the journal does not belong to the version */
  constructor({ plan, head, item, entries, contextOf }: ScopeParts) {
    this.#plan = plan;
    this.item = item;
    const outcomes = new Map<string, NodeOutcome>();
    if (item !== undefined) {
      // The head of a body has done its part: what it hands over is the item.
      this.outputs.set(item.loopId, item.value);
      outcomes.set(item.loopId, { kind: "done", ports: [item.port] });
    }
    for (const entry of entries) {
      if (entry.status !== "SUCCESS" && entry.status !== "FAILED") continue;
      outcomes.set(entry.nodeId, outcomeOf(entry));
      this.keep(entry);
    }
    this.unfinished = entries.filter(({ status }) => status === "WAITING" || status === "RUNNING");
    for (const { nodeId, failure, attempts } of this.unfinished) this.#earlierAttempts.set(nodeId, failure === null ? attempts : [...attempts, failure]);
    try {
      this.progress = Progress.restore(plan, head, outcomes);
    } catch (error) {
      throw new NodeError("The journal does not fit the version.", { errorClass: "INTERNAL", code: "EXECUTION_UNREADABLE", cause: error });
    }
    this.templates = contextOf(this.outputs);
  }

  /** The nodes that are ready and do not wait, in plan order. */
  get runnable(): Task[] {
    return this.progress.ready.filter((nodeId) => !this.waiting.has(nodeId)).map((nodeId) => ({ scope: this, nodeId }));
  }

  /** Whether every node is settled or pruned, and committed. */
  get isFinished(): boolean {
    return this.inWork === 0 && this.progress.isFinished;
  }

  /** The failure that nothing handles, the first one in plan order; undefined when there is none. */
  get failure(): NodeFailure | undefined {
    if (this.#unhandled.size === 0) return undefined;
    return this.#plan.nodes.map(({ node }) => this.#unhandled.get(node.id)).find((failure) => failure !== undefined);
  }

  /**
   * Whether all that a node starts from is committed: two branches may be on their way to the journal, and the later one may arrive first. That a branch
   * is not taken must be committed as well, or a crash could leave a journal in which the node ran before it was ready.
   */
  isFed(nodeId: string): boolean {
    const planned = this.#planned(nodeId);
    if (planned?.joinsFirst === true) return this.progress.takenInputs(nodeId).every((taken) => this.outputs.has(taken.nodeId));
    return planned?.incoming.every(({ from }) => this.#isCommitted(from)) ?? false;
  }

  inputsOf(nodeId: string): NodeInput[] {
    return this.progress.takenInputs(nodeId).map((taken) => ({ ...taken, output: this.outputs.get(taken.nodeId) ?? null }));
  }

  /** Failures of the attempts before, when a node continues after a back-off or a takeover. */
  attemptsBefore(nodeId: string): readonly NodeFailure[] {
    return this.#earlierAttempts.get(nodeId) ?? [];
  }

  /** Takes over what a committed row tells of a finished node. */
  keep(row: Pick<JournalRow, "nodeId" | "status" | "ports" | "output" | "failure">): void {
    this.outputs.set(row.nodeId, row.output);
    if (row.failure !== null && outcomeOf(row).kind === "failed") this.#unhandled.set(row.nodeId, row.failure);
  }

  /** What came out: the output of the node in which the taken branches ended; of several, an object by alias or id; null of none. */
  result(): Json {
    const ends = this.#plan.nodes.filter(({ node, outgoing }) => node.id !== this.item?.loopId && this.#isEnd(node.id, [...outgoing.values()].flat().map(({ to }) => this.#plan.nodes[to]?.node.id ?? "")));
    const [only, ...others] = ends;
    if (only === undefined) return null;
    if (others.length === 0) return this.outputs.get(only.node.id) ?? null;
    return Object.fromEntries(ends.map(({ node }) => [node.alias ?? node.id, this.outputs.get(node.id) ?? null]));
  }

  /** A node whose row is there; one that was pruned, when the reasons for it are. */
  #isCommitted(position: number): boolean {
    const planned = this.#plan.nodes[position];
    if (planned === undefined || this.#committed.has(position)) return planned !== undefined;
    const isPruned = this.progress.stateOf(planned.node.id) === "pruned";
    const isCommitted = isPruned ? planned.incoming.every(({ from }) => this.#isCommitted(from)) : this.outputs.has(planned.node.id);
    if (isCommitted) this.#committed.add(position);
    return isCommitted;
  }

  #planned(nodeId: string): PlannedNode | undefined {
    return this.#plan.nodes[this.#plan.positions.get(nodeId) ?? -1];
  }

  #isEnd(nodeId: string, targets: readonly string[]): boolean {
    return this.progress.stateOf(nodeId) === "done" && targets.every((target) => this.progress.stateOf(target) === "pruned");
  }
}

/** A failed node that took no port stopped its scope; one that took a port was handled. */
export function outcomeOf({ status, ports }: Pick<JournalRow, "status" | "ports">): NodeOutcome {
  return status === "FAILED" && ports.length === 0 ? { kind: "failed" } : { kind: "done", ports };
}

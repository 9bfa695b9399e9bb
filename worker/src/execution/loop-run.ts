import { toNodeFailure, type NodeFailure } from "@fluxo/core/errors/failure";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { Json } from "@fluxo/core/json";
import { loopOutput, type LoopWork } from "@fluxo/core/node/loop";
import type { JournalEntry } from "@fluxo/prisma/executions/claim";
import type { RecordedEnd } from "./journal-rows.ts";
import type { Scope, Task } from "./scope.ts";
import type { CompiledNode } from "./version-cache.ts";

export interface LoopParts {
  readonly compiled: CompiledNode;
  readonly work: LoopWork;
  readonly attempt: number;
  readonly startedAt: Date;
  /** What the journal has about the body, by item: entries of nodes that ran. */
  readonly journal: ReadonlyMap<number, readonly JournalEntry[]>;
  readonly openScope: (index: number, entries: readonly JournalEntry[]) => Scope;
}

/**
 * A loop whose items are in the journal and whose end is not.
 *
 * Items begin in their order, at most `concurrency` are open at the same time (one that waits is), and of those that ended only what came out is kept.
 * With `onItemError: "continue"` a failure ends its branch of its item and nothing else, so that the journal does not depend on who was first. With
 * "stop" the nodes in work finish, nothing else starts, and the loop fails with the failure of the first failed item.
 */
export class LoopRun {
  readonly #parts: LoopParts;
  readonly #results: Json[];
  readonly #failures = new Map<number, NodeFailure>();
  readonly #open = new Map<number, Scope>();
  #next = 0;
  #closed = 0;
  #isEnded = false;

  constructor(parts: LoopParts) {
    this.#parts = parts;
    this.#results = parts.work.items.map(() => null);
    for (const [index, entries] of parts.journal) {
      if (index < parts.work.items.length) this.#begin(index, entries);
    }
  }

  /** The open items. */
  get scopes(): readonly Scope[] {
    return [...this.#open.values()];
  }

  /** Whether an item failed and the loop ends for it. */
  get isStopping(): boolean {
    return this.#failures.size > 0 && this.#parts.work.onItemError === "stop";
  }

  /** Closes the items that ended and begins others in their place. Returns what they begin with. */
  advance(): readonly Task[] {
    const tasks: Task[] = [];
    for (const scope of this.scopes) this.#review(scope);
    while (!this.isStopping && this.#open.size < this.#parts.work.concurrency && this.#next < this.#results.length) {
      if (!this.#parts.journal.has(this.#next)) tasks.push(...this.#begin(this.#next, []));
      this.#next += 1;
    }
    return tasks;
  }

  /** How the loop ended, once; undefined while it goes on, and from then on. */
  end(now: Date): RecordedEnd | undefined {
    const { compiled, attempt, startedAt } = this.#parts;
    const base = { attempt, attempts: [], startedAt };
    const isOver = this.isStopping ? this.scopes.every(({ inWork }) => inWork === 0) : this.#closed === this.#results.length;
    if (this.#isEnded || !isOver) return undefined;
    this.#isEnded = true;
    const [first] = [...this.#failures].toSorted(([left], [right]) => left - right);
    if (first !== undefined && this.isStopping) return { ...base, kind: "failed", failure: failureOfLoop(compiled, first, attempt, now) };
    return { ...base, kind: "done", output: loopOutput(this.#results, this.#failures), ports: ["main"] };
  }

  #begin(index: number, entries: readonly JournalEntry[]): readonly Task[] {
    const scope = this.#parts.openScope(index, entries);
    this.#open.set(index, scope);
    this.#review(scope);
    return scope.runnable;
  }

  #review(scope: Scope): void {
    const index = scope.item?.index ?? 0;
    const { failure } = scope;
    if (failure !== undefined) this.#failures.set(index, failure);
    if (!scope.isFinished) return;
    if (failure === undefined) this.#results[index] = scope.result();
    this.#open.delete(index);
    this.#closed += 1;
  }
}

function failureOfLoop({ node, definition }: CompiledNode, [index, failure]: readonly [number, NodeFailure], attempt: number, now: Date): NodeFailure {
  const error = new NodeError(`Item ${index} failed at "${failure.nodeId}": ${failure.message}`, { errorClass: failure.errorClass, code: failure.code });
  return toNodeFailure(error, { id: node.id, name: node.name, type: node.type, integration: definition.integration, attempt }, now);
}

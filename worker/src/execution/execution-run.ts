import type { NodeChange } from "@fluxo/contracts/channels/node-status";
import { NodeError } from "@fluxo/core/errors/node-error";
import { toNodeFailure, type NodeFailure } from "@fluxo/core/errors/failure";
import { loopOutput, loopRecord, loopWorkOf } from "@fluxo/core/node/loop";
import type { IdSource } from "@fluxo/core/ports/clock";
import { jsonBytes } from "@fluxo/core/size";
import { itemContext, templateContext } from "@fluxo/core/templates/context";
import type { ChildItem, ChildResult } from "@fluxo/prisma/executions/children";
import type { ClaimedExecution, JournalEntry } from "@fluxo/prisma/executions/claim";
import type { JournalRow } from "@fluxo/prisma/executions/journal";
import type { Settlement } from "@fluxo/prisma/executions/settle";
import { changeOfRow, changeOfStart } from "../channels/changes.ts";
import { callChild, endOfChild } from "./child-call.ts";
import { FailureList } from "./failure-list.ts";
import { splitJournal, type SplitJournal } from "./journal-entries.ts";
import { intentRow, journalRow, skippedRow, type RecordedEnd, type RowParts } from "./journal-rows.ts";
import { PARALLEL_NODES_MAX, sizeProblem } from "./limits.ts";
import { LoopRun, type LoopParts } from "./loop-run.ts";
import { runNode, type NodeEnd, type NodeTools } from "./node-runner.ts";
import { outcomeOf, Scope, type Task } from "./scope.ts";
import { settlementOf, waitingOf } from "./settlement.ts";
import type { CompiledNode, CompiledVersion } from "./version-cache.ts";

export interface RunDependencies {
  readonly tools: NodeTools;
  readonly ids: IdSource;
  /** Commits journal rows of this execution; false when it is another's by now. */
  readonly record: (rows: readonly JournalRow[], signal: AbortSignal) => Promise<boolean>;
  /** Starts a sub-workflow, or finds the one that its node started before. */
  readonly startChild: (item: ChildItem, signal: AbortSignal) => Promise<ChildResult>;
  /** Whether the lease is surely held still, without asking anybody. */
  readonly isHeld: () => boolean;
  /** Told of each node whose result is committed. Neither throws nor waits. */
  readonly onCommitted: (compiled: CompiledNode) => void;
  /** Told of each change of a node's status, where somebody may watch: when an attempt begins, and what is committed. Neither throws nor waits. */
  readonly onNode?: (change: NodeChange) => void;
  /** Runs a node, or answers for it; never throws. Executions leave it out. */
  readonly runNode?: typeof runNode;
}

/** `settle`: the execution ends or waits. `lost`: another worker owns it, or the lease was handed back; nothing may be written. */
export type RunResult = { readonly kind: "settle"; readonly settlement: Settlement } | { readonly kind: "lost" };

/**
 * Runs one claimed execution from its journal on, until it ends or nothing is left to do but wait.
 *
 * A node starts when the results that it needs are committed; independent branches and items of loops run in parallel within a bound; a node that the
 * journal tells to be finished is not run again. A failure that stops the execution lets running nodes finish and starts no more. `lose` and `cancel`
 * abort running nodes.
 */
export class ExecutionRun {
  readonly #claimed: ClaimedExecution;
  readonly #version: CompiledVersion;
  readonly #dependencies: RunDependencies;
  readonly #journal: SplitJournal;
  readonly #root: Scope;
  /** The loops whose items are in work, by node id. */
  readonly #loops = new Map<string, LoopRun>();
  readonly #failures: FailureList;
  readonly #abort = new AbortController();
  /** Of the lease alone: what a canceled execution used is recorded all the same. */
  readonly #lost = new AbortController();
  readonly #ended = Promise.withResolvers<undefined>();
  #queue: Task[] = [];
  #inWork = 0;
  #bytes = 0;
  #stop: { readonly kind: "failed"; readonly failure: NodeFailure } | { readonly kind: "canceled" } | { readonly kind: "lost" } | undefined;
  #defect: unknown;

  /** @throws NodeError INTERNAL, EXECUTION_UNREADABLE when the journal does not belong to the version */
  constructor(claimed: ClaimedExecution, version: CompiledVersion, dependencies: RunDependencies) {
    this.#claimed = claimed;
    this.#version = version;
    this.#dependencies = dependencies;
    this.#journal = splitJournal(claimed.journal, version.plan);
    this.#failures = new FailureList(version.plan);
    for (const { status, output, failure, item } of claimed.journal) {
      if (status !== "WAITING" && output !== null) this.#bytes += jsonBytes(output);
      if (status === "FAILED" && failure !== null) this.#failures.add(failure, item);
    }
    const execution = { id: claimed.executionId, workflowId: claimed.workflowId, versionId: claimed.versionId, tenantId: claimed.tenantId, startedAt: claimed.startedAt.toISOString() };
    this.#root = new Scope({
      plan: version.plan.root,
      head: claimed.triggerNodeId,
      entries: this.#journal.root,
      contextOf: (outputs) => templateContext({ trigger: claimed.input, execution, outputs, aliases: version.plan.aliases }),
    });
    const { failure } = this.#root;
    if (failure !== undefined) this.#stop = { kind: "failed", failure };
  }

  /** The lease is gone: stop at once and write nothing more. */
  lose(): void {
    this.#stop = { kind: "lost" };
    const reason = new Error("The lease is lost.");
    this.#abort.abort(reason);
    this.#lost.abort(reason);
  }

  /** A cancel was asked for: stop at once; what is recorded stays recorded. */
  cancel(): void {
    if (this.#stop?.kind === "lost") return;
    this.#stop = { kind: "canceled" };
    this.#abort.abort(new NodeError("The execution was canceled.", { errorClass: "REFUSED", code: "EXECUTION_CANCELED" }));
  }

  /** @throws what the journal could not take, when it is no matter of connection: a defect, or a value that no column holds */
  async run(): Promise<RunResult> {
    if (this.#claimed.isCanceled) this.cancel();
    await this.#resumeJournal();
    for (const { runnable } of this.#scopes()) this.#queue.push(...runnable.filter(({ nodeId }) => !this.#loops.has(nodeId)));
    for (const loopId of this.#loops.keys()) await this.#advance(loopId);
    this.#pump();
    await this.#ended.promise;
    if (this.#stop?.kind === "lost") return { kind: "lost" };
    if (this.#defect !== undefined) throw this.#defect;
    const settlement = settlementOf({
      version: this.#version,
      outputs: this.#root.outputs,
      failures: this.#failures.values,
      waiting: this.#scopes().flatMap(({ waiting }) => [...waiting.values()]),
      stop: this.#stop,
    });
    return { kind: "settle", settlement };
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The scopes in which something may still begin or wait: not those of a loop that stops. */
  #scopes(): readonly Scope[] {
    return [this.#root, ...[...this.#loops.values()].flatMap((loop) => (loop.isStopping ? [] : loop.scopes))];
  }

  /** What the journal tells to be unfinished and still matters. An act of unknown outcome always does. */
  #unfinished(): readonly { readonly scope: Scope; readonly entry: JournalEntry }[] {
    const stopping = [...this.#loops.values()].filter(({ isStopping }) => isStopping).flatMap(({ scopes }) => scopes);
    return [
      ...this.#scopes().flatMap((scope) => scope.unfinished.map((entry) => ({ scope, entry }))),
      ...stopping.flatMap((scope) => scope.unfinished.filter(({ status }) => status === "RUNNING").map((entry) => ({ scope, entry }))),
    ];
  }

  /** Continues what the journal tells to be unfinished: loops, due delays end, back-offs are tried again, acts of unknown outcome are judged. */
  async #resumeJournal(): Promise<void> {
    const { clock } = this.#dependencies.tools;
    for (const entry of this.#root.unfinished) {
      if (entry.status === "RUNNING" && this.#version.plan.loops.has(entry.nodeId)) this.#openLoop(this.#node(entry.nodeId), { ...entry, work: loopWorkOf(entry.output), startedAt: startOf(entry, clock.now()) });
    }
    const open = this.#unfinished();
    // The database's clock said what is due, whatever this pod's says.
    const dueMs = this.#claimed.claimedAt.getTime();
    for (const { scope, entry } of open) {
      const compiled = this.#node(entry.nodeId);
      if (entry.status === "RUNNING") {
        if (compiled.guardsRepeat) await this.#commit(scope, compiled, uncertainEnd(entry, compiled, clock.now()));
      } else if (entry.reason === "CHILD") {
        if (entry.child === null) scope.waiting.set(entry.nodeId, { reason: "CHILD" });
        else await this.#commit(scope, compiled, endOfChild(entry, entry.child, compiled, clock.now()));
      } else if (entry.resumeAt !== null && Date.parse(entry.resumeAt) > dueMs) {
        scope.waiting.set(entry.nodeId, { reason: entry.reason === "BACKOFF" ? "BACKOFF" : "DELAY", resumeAt: new Date(entry.resumeAt) });
      } else if (entry.reason !== "BACKOFF") {
        await this.#commit(scope, compiled, { kind: "done", output: entry.output, ports: ["main"], attempt: entry.attempt, attempts: entry.attempts, startedAt: startOf(entry, clock.now()) });
      }
      if (this.#stop !== undefined) return;
    }
  }

  /** Starts what may start; ends the run when nothing is in work and nothing may start. */
  #pump(): void {
    while (this.#stop === undefined && this.#inWork < PARALLEL_NODES_MAX) {
      const index = this.#queue.findIndex(({ scope, nodeId }) => scope.isFed(nodeId));
      const [task] = index < 0 ? [] : this.#queue.splice(index, 1);
      if (task === undefined) break;
      this.#inWork += 1;
      void this.#work(task).finally(() => {
        this.#inWork -= 1;
        this.#pump();
      });
    }
    if (this.#inWork === 0) this.#ended.resolve(undefined);
  }

  async #work({ scope, nodeId }: Task): Promise<void> {
    scope.inWork += 1;
    try {
      this.#queue.push(...(await this.#runNode(scope, this.#node(nodeId))));
    } catch (error) {
      this.#fail(error);
    } finally {
      scope.inWork -= 1;
    }
    if (scope.item !== undefined) await this.#advance(scope.item.loopId).catch((error: unknown) => this.#fail(error));
  }

  /** Runs a node and records how it ended. Returns what became ready. */
  async #runNode(scope: Scope, compiled: CompiledNode): Promise<readonly Task[]> {
    const { tenantId, workflowId, executionId, input } = this.#claimed;
    const attempts = scope.attemptsBefore(compiled.node.id);
    if (compiled.guardsRepeat && !(await this.#record([intentRow(this.#rowParts(scope, compiled), attempts)]))) return [];
    const { onNode, tools } = this.#dependencies;
    const end = await (this.#dependencies.runNode ?? runNode)(
      {
        ...(onNode === undefined ? {} : { onAttempt: (attempt: number) => onNode(changeOfStart(compiled.node.id, scope.item?.index ?? 0, attempt, tools.clock.now())) }),
        tenantId,
        workflowId,
        executionId,
        compiled,
        item: scope.item?.index ?? 0,
        trigger: input,
        templates: scope.templates,
        inputs: scope.inputsOf(compiled.node.id),
        attempts,
        signal: this.#abort.signal,
        mayAct: () => this.#mayAct(),
      },
      tools,
    );
    return this.#commit(scope, compiled, end);
  }

  /** Records how a node ended, and only then lets its output count. Returns what became ready. */
  async #commit(scope: Scope, compiled: CompiledNode, ended: NodeEnd): Promise<readonly Task[]> {
    if (ended.kind === "aborted" || this.#abort.signal.aborted) {
      await this.#recordUsage(scope, compiled, ended);
      return [];
    }
    if (ended.kind === "loop") return this.#beginLoop(scope, compiled, ended);
    if (ended.kind === "child") return this.#call(scope, compiled, ended);
    const end = this.#bounded(compiled, ended);
    const row = journalRow({ ...this.#rowParts(scope, compiled), end });
    const waiting = waitingOf(end);
    if (waiting !== undefined) {
      if (await this.#record([row])) scope.waiting.set(compiled.node.id, waiting);
      return [];
    }
    const step = scope.progress.settle(compiled.node.id, outcomeOf(row));
    const skipped = step.pruned.flatMap((nodeId) => this.#skippedRows(scope, nodeId));
    const unreached = this.#loops.has(compiled.node.id) ? [] : this.#skippedBody(compiled.node.id);
    if (!(await this.#record([row, ...skipped, ...unreached]))) return [];
    this.#dependencies.onCommitted(compiled);
    scope.keep(row);
    this.#bytes += jsonBytes(row.output);
    if (row.failure !== null && row.status === "FAILED") {
      this.#failures.add(row.failure, row.item);
      if (scope === this.#root && row.ports.length === 0) this.#stop ??= { kind: "failed", failure: row.failure };
    }
    return step.ready.map((nodeId) => ({ scope, nodeId }));
  }

  /** What the attempt of a node used that a cancel cut off: the node does not end, and its execution pays for it (`fluxo_settle_open_nodes`). */
  async #recordUsage(scope: Scope, compiled: CompiledNode, { usage }: NodeEnd): Promise<void> {
    if (usage === undefined || this.#lost.signal.aborted) return;
    const row: JournalRow = { ...intentRow(this.#rowParts(scope, compiled), scope.attemptsBefore(compiled.node.id)), usage };
    await this.#dependencies.record([row], this.#lost.signal);
  }

  /** Starts the sub-workflow of a node, and records that the node waits for it or goes on. */
  async #call(scope: Scope, compiled: CompiledNode, asked: Extract<NodeEnd, { kind: "child" }>): Promise<readonly Task[]> {
    const { ids, tools, startChild } = this.#dependencies;
    const end = await callChild({ claimed: this.#claimed, compiled, item: scope.item?.index ?? 0, asked, ids, now: tools.clock.now() }, (item) => startChild(item, this.#abort.signal));
    if (end.kind === "aborted") this.lose();
    return this.#commit(scope, compiled, end);
  }

  /** Records the items of a loop, and only then lets its body begin. A loop without items ends at once. */
  async #beginLoop(scope: Scope, compiled: CompiledNode, { work, attempt, attempts, startedAt }: Extract<NodeEnd, { kind: "loop" }>): Promise<readonly Task[]> {
    const output = loopRecord(work);
    if (work.items.length === 0) return this.#commit(scope, compiled, { kind: "done", output: loopOutput([], new Map()), ports: ["main"], attempt, attempts, startedAt });
    const failed = this.#bounded(compiled, { kind: "done", output, ports: [], attempt, attempts, startedAt });
    if (failed.kind === "failed") return this.#commit(scope, compiled, failed);
    this.#bytes += jsonBytes(output);
    if (await this.#record([{ ...intentRow(this.#rowParts(scope, compiled), attempts), startedAt, output }])) {
      this.#openLoop(compiled, { work, attempt, startedAt });
      await this.#advance(compiled.node.id);
    }
    return [];
  }

  #openLoop(compiled: CompiledNode, { work, attempt, startedAt }: Pick<LoopParts, "work" | "attempt" | "startedAt">): void {
    const { id } = compiled.node;
    const plan = this.#version.plan.loops.get(id) ?? this.#version.plan.root;
    const port = compiled.definition.bodyPort ?? "";
    const count = work.items.length;
    const openScope = (index: number, entries: readonly JournalEntry[]): Scope => {
      const value = work.items[index] ?? null;
      return new Scope({ plan, head: id, item: { loopId: id, port, index, value }, entries, contextOf: (outputs) => itemContext(this.#root.templates, { item: value, index, count, outputs }) });
    };
    this.#loops.set(id, new LoopRun({ compiled, work, attempt, startedAt, journal: this.#journal.bodies.get(id) ?? new Map(), openScope }));
  }

  /** Lets a loop begin further items, or ends it when all of them have ended. */
  async #advance(loopId: string): Promise<void> {
    const loop = this.#loops.get(loopId);
    if (loop === undefined || this.#stop !== undefined) return;
    this.#queue.push(...loop.advance());
    if (loop.isStopping) this.#queue = this.#queue.filter(({ scope }) => scope.item?.loopId !== loopId);
    const end = loop.end(this.#dependencies.tools.clock.now());
    if (end === undefined) return;
    this.#queue.push(...(await this.#commit(this.#root, this.#node(loopId), end)));
    this.#loops.delete(loopId);
  }

  /** A defect: nothing more can be done with the execution. */
  #fail(error: unknown): void {
    this.#defect = error;
    this.#stop ??= { kind: "canceled" };
    this.#abort.abort(error);
  }

  /** Asked before each attempt: with a lease that ran out, another worker may have done the node meanwhile. */
  #mayAct(): boolean {
    if (!this.#abort.signal.aborted && !this.#dependencies.isHeld()) this.lose();
    return !this.#abort.signal.aborted;
  }

  async #record(rows: readonly JournalRow[]): Promise<boolean> {
    const { record, onNode, tools } = this.#dependencies;
    const isHeld = await record(rows, this.#abort.signal);
    if (!isHeld) this.lose();
    else if (onNode !== undefined) {
      const now = tools.clock.now();
      for (const row of rows) {
        const change = changeOfRow(row, now);
        if (change !== undefined) onNode(change);
      }
    }
    return isHeld;
  }

  /** A node whose output is too large, or would make the execution too large, fails instead. */
  #bounded(compiled: CompiledNode, end: RecordedEnd): RecordedEnd {
    if (end.kind !== "done") return end;
    const problem = sizeProblem(jsonBytes(end.output), this.#bytes);
    if (problem === undefined) return end;
    const { node, definition } = compiled;
    const failure = toNodeFailure(problem, { id: node.id, name: node.name, type: node.type, integration: definition.integration, attempt: end.attempt }, this.#dependencies.tools.clock.now());
    return { kind: "failed", failure, attempt: end.attempt, attempts: end.attempts, startedAt: end.startedAt, ...(end.usage === undefined ? {} : { usage: end.usage }) };
  }

  #rowParts(scope: Scope, compiled: CompiledNode): RowParts {
    const { tools, ids } = this.#dependencies;
    return { claimed: this.#claimed, compiled, item: scope.item?.index ?? 0, payloadId: ids.next(), now: tools.clock.now() };
  }

  /** Rows of a node that was pruned; of a loop, of its body too. */
  #skippedRows(scope: Scope, nodeId: string): readonly JournalRow[] {
    return [skippedRow(this.#rowParts(scope, this.#node(nodeId))), ...this.#skippedBody(nodeId)];
  }

  /** One row for each node in the body of a loop that no item entered; none when the node is no loop. */
  #skippedBody(nodeId: string): readonly JournalRow[] {
    const [, ...body] = this.#version.plan.loops.get(nodeId)?.nodes ?? [];
    return body.map(({ node }) => skippedRow(this.#rowParts(this.#root, this.#node(node.id))));
  }

  #node(nodeId: string): CompiledNode {
    const compiled = this.#version.nodes.get(nodeId);
    if (compiled === undefined) throw new NodeError(`The version has no node "${nodeId}".`, { errorClass: "INTERNAL", code: "EXECUTION_UNREADABLE" });
    return compiled;
  }
}

function uncertainEnd(entry: JournalEntry, { node, definition }: CompiledNode, now: Date): NodeEnd {
  const error = new NodeError("A worker ended while this node acted. Whether the act took place is unknown, and the node is set not to repeat it.", {
    errorClass: "REFUSED",
    code: "SIDE_EFFECT_UNCERTAIN",
  });
  const failure = toNodeFailure(error, { id: node.id, name: node.name, type: node.type, integration: definition.integration, attempt: entry.attempt }, now);
  return { kind: "failed", failure, attempt: entry.attempt, attempts: entry.attempts, startedAt: startOf(entry, now) };
}

function startOf({ startedAt }: JournalEntry, now: Date): Date {
  return startedAt === null ? now : new Date(startedAt);
}

import { NodeError } from "@fluxo/core/errors/node-error";
import { toNodeFailure, type NodeFailure } from "@fluxo/core/errors/failure";
import type { Json } from "@fluxo/core/json";
import type { IdSource } from "@fluxo/core/ports/clock";
import { Progress, type NodeOutcome, type ProgressStep } from "@fluxo/core/planning/progress";
import { jsonBytes } from "@fluxo/core/size";
import { templateContext, type TemplateContext } from "@fluxo/core/templates/context";
import type { ClaimedExecution, JournalEntry } from "@fluxo/prisma/executions/claim";
import type { JournalRow } from "@fluxo/prisma/executions/journal";
import type { Settlement } from "@fluxo/prisma/executions/settle";
import { EXECUTION_BYTES_MAX, PARALLEL_NODES_MAX } from "./limits.ts";
import { journalRow, skippedRow } from "./journal-rows.ts";
import { runNode, type NodeEnd, type NodeTools } from "./node-runner.ts";
import { settlementOf, type Waiting } from "./settlement.ts";
import type { CompiledNode, CompiledVersion } from "./version-cache.ts";

export interface RunDependencies {
  readonly tools: NodeTools;
  readonly ids: IdSource;
  /** Commits journal rows of this execution; false when it is another's by now. */
  readonly record: (rows: readonly JournalRow[], signal: AbortSignal) => Promise<boolean>;
  /** Whether the lease is surely held still, without asking anybody. */
  readonly isHeld: () => boolean;
  /** Told of each node whose result is committed. Neither throws nor waits. */
  readonly onCommitted: (compiled: CompiledNode) => void;
}

/** `settle`: the execution ends or waits. `lost`: another worker owns it, or the lease was handed back; nothing may be written. */
export type RunResult = { readonly kind: "settle"; readonly settlement: Settlement } | { readonly kind: "lost" };

/**
 * Runs one claimed execution from its journal on, until it ends or nothing is left to do but wait.
 *
 * A node starts when the results that it needs are committed; independent branches run in parallel within a bound; a node that the journal tells to be
 * finished is not run again. A failure that stops the execution lets running nodes finish and starts no more. `lose` and `cancel` abort running nodes.
 */
export class ExecutionRun {
  readonly #claimed: ClaimedExecution;
  readonly #version: CompiledVersion;
  readonly #dependencies: RunDependencies;
  readonly #progress: Progress;
  readonly #outputs = new Map<string, Json>();
  readonly #templates: TemplateContext;
  readonly #failures = new Map<string, NodeFailure>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #earlierAttempts = new Map<string, readonly NodeFailure[]>();
  readonly #abort = new AbortController();
  readonly #ended = Promise.withResolvers<undefined>();
  readonly #queue: string[] = [];
  #inWork = 0;
  #bytes = 0;
  #stop: { readonly kind: "failed"; readonly failure: NodeFailure } | { readonly kind: "canceled" } | { readonly kind: "lost" } | undefined;
  #defect: unknown;

  /** @throws NodeError INTERNAL, EXECUTION_UNREADABLE when the journal does not belong to the version */
  constructor(claimed: ClaimedExecution, version: CompiledVersion, dependencies: RunDependencies) {
    this.#claimed = claimed;
    this.#version = version;
    this.#dependencies = dependencies;
    this.#templates = templateContext({
      trigger: claimed.input,
      execution: { id: claimed.executionId, workflowId: claimed.workflowId, versionId: claimed.versionId, tenantId: claimed.tenantId, startedAt: claimed.startedAt.toISOString() },
      outputs: this.#outputs,
      aliases: version.plan.aliases,
    });
    this.#progress = this.#restore();
  }

  /** The lease is gone: stop at once and write nothing more. */
  lose(): void {
    this.#stop = { kind: "lost" };
    this.#abort.abort(new Error("The lease is lost."));
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
    this.#queue.push(...this.#progress.ready.filter((nodeId) => !this.#waiting.has(nodeId)));
    this.#pump();
    await this.#ended.promise;
    if (this.#stop?.kind === "lost") return { kind: "lost" };
    if (this.#defect !== undefined) throw this.#defect;
    const settlement = settlementOf({
      version: this.#version,
      outputs: this.#outputs,
      failures: [...this.#failures.values()],
      waiting: [...this.#waiting.values()],
      stop: this.#stop,
    });
    return { kind: "settle", settlement };
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  #restore(): Progress {
    const outcomes = new Map<string, NodeOutcome>();
    for (const entry of this.#claimed.journal) {
      if (entry.status !== "SUCCESS" && entry.status !== "FAILED") continue;
      this.#keep(entry.nodeId, entry.output);
      if (entry.failure !== null && entry.status === "FAILED") this.#failures.set(entry.nodeId, entry.failure);
      outcomes.set(entry.nodeId, outcomeOf(entry.status, entry.ports));
      if (entry.status === "FAILED" && entry.ports.length === 0 && entry.failure !== null) this.#stop ??= { kind: "failed", failure: entry.failure };
    }
    try {
      return Progress.restore(this.#version.plan, this.#claimed.triggerNodeId, outcomes);
    } catch (error) {
      throw new NodeError("The journal does not fit the version.", { errorClass: "INTERNAL", code: "EXECUTION_UNREADABLE", cause: error });
    }
  }

  /** Continues what the journal tells to be unfinished: due delays end, back-offs are tried again, acts of unknown outcome are judged. */
  async #resumeJournal(): Promise<void> {
    const open = this.#claimed.journal.filter(({ status }) => status === "WAITING" || status === "RUNNING");
    const instants = open.flatMap(({ resumeAt }) => (resumeAt === null ? [] : [Date.parse(resumeAt)]));
    // The database said that something is due: what it meant is due here too, whatever this pod's clock says.
    const dueMs = Math.max(this.#dependencies.tools.clock.now().getTime(), Math.min(...instants));
    for (const entry of open) {
      const compiled = this.#node(entry.nodeId);
      this.#earlierAttempts.set(entry.nodeId, entry.failure === null ? entry.attempts : [...entry.attempts, entry.failure]);
      if (entry.status === "RUNNING") {
        if (compiled.guardsRepeat) await this.#commit(compiled, uncertainEnd(entry, compiled, this.#dependencies.tools.clock.now()));
      } else if (entry.resumeAt !== null && Date.parse(entry.resumeAt) > dueMs) {
        this.#waiting.set(entry.nodeId, { reason: entry.reason === "BACKOFF" ? "BACKOFF" : "DELAY", resumeAt: new Date(entry.resumeAt) });
      } else if (entry.reason !== "BACKOFF") {
        const startedAt = entry.startedAt === null ? this.#dependencies.tools.clock.now() : new Date(entry.startedAt);
        await this.#commit(compiled, { kind: "done", output: entry.output, ports: ["main"], attempt: entry.attempt, attempts: entry.attempts, startedAt });
      }
      if (this.#stop !== undefined) return;
    }
  }

  /** Starts what may start; ends the run when nothing is in work and nothing may start. */
  #pump(): void {
    while (this.#stop === undefined && this.#inWork < PARALLEL_NODES_MAX) {
      const index = this.#queue.findIndex((nodeId) => this.#isFed(nodeId));
      const [nodeId] = index < 0 ? [] : this.#queue.splice(index, 1);
      if (nodeId === undefined) break;
      this.#inWork += 1;
      void this.#work(this.#node(nodeId)).finally(() => {
        this.#inWork -= 1;
        this.#pump();
      });
    }
    if (this.#inWork === 0) this.#ended.resolve(undefined);
  }

  /** Whether everything that leads into a node is committed: two branches may be on their way to the journal, and the later one may arrive first. */
  #isFed(nodeId: string): boolean {
    return this.#progress.takenInputs(nodeId).every((taken) => this.#outputs.has(taken.nodeId));
  }

  async #work(compiled: CompiledNode): Promise<void> {
    const { tenantId, workflowId, executionId, input } = this.#claimed;
    try {
      if (compiled.guardsRepeat && !(await this.#record([this.#intentRow(compiled)]))) return;
      const end = await runNode(
        {
          tenantId,
          workflowId,
          executionId,
          compiled,
          trigger: input,
          templates: this.#templates,
          inputs: this.#progress.takenInputs(compiled.node.id).map((taken) => ({ ...taken, output: this.#outputs.get(taken.nodeId) ?? null })),
          attempts: this.#earlierAttempts.get(compiled.node.id) ?? [],
          signal: this.#abort.signal,
          mayAct: () => this.#mayAct(),
        },
        this.#dependencies.tools,
      );
      this.#queue.push(...(await this.#commit(compiled, end)));
    } catch (error) {
      this.#defect = error;
      this.#stop ??= { kind: "canceled" };
      this.#abort.abort(error);
    }
  }

  /** Records how a node ended, and only then lets its output count. Returns what became ready. */
  async #commit(compiled: CompiledNode, ended: NodeEnd): Promise<readonly string[]> {
    if (ended.kind === "aborted" || this.#abort.signal.aborted) return [];
    const end = this.#bounded(compiled, ended);
    const row = journalRow({ claimed: this.#claimed, compiled, end, payloadId: this.#dependencies.ids.next(), now: this.#dependencies.tools.clock.now() });
    if (end.kind === "delayed" || end.kind === "backoff") {
      if (await this.#record([row])) this.#waiting.set(compiled.node.id, { reason: end.kind === "delayed" ? "DELAY" : "BACKOFF", resumeAt: end.resumeAt });
      return [];
    }
    const outcome = outcomeOf(row.status, row.ports);
    const step: ProgressStep = this.#progress.settle(compiled.node.id, outcome);
    const skipped = step.pruned.map((nodeId) => skippedRow(this.#claimed, this.#node(nodeId), this.#dependencies.ids.next()));
    if (!(await this.#record([row, ...skipped]))) return [];
    this.#dependencies.onCommitted(compiled);
    this.#keep(compiled.node.id, row.output);
    if (row.failure !== null && row.status === "FAILED") {
      this.#failures.set(compiled.node.id, row.failure);
      if (outcome.kind === "failed") this.#stop ??= { kind: "failed", failure: row.failure };
    }
    return step.ready;
  }

  /** Asked before each attempt: with a lease that ran out, another worker may have done the node meanwhile. */
  #mayAct(): boolean {
    if (!this.#abort.signal.aborted && !this.#dependencies.isHeld()) this.lose();
    return !this.#abort.signal.aborted;
  }

  async #record(rows: readonly JournalRow[]): Promise<boolean> {
    const isHeld = await this.#dependencies.record(rows, this.#abort.signal);
    if (!isHeld) this.lose();
    return isHeld;
  }

  /** A node whose output would make the execution too large fails instead. */
  #bounded(compiled: CompiledNode, end: Exclude<NodeEnd, { kind: "aborted" }>): Exclude<NodeEnd, { kind: "aborted" }> {
    if (end.kind !== "done" || this.#bytes + jsonBytes(end.output) <= EXECUTION_BYTES_MAX) return end;
    const { node, definition } = compiled;
    const error = new NodeError(`The outputs of one execution may have ${EXECUTION_BYTES_MAX} bytes together.`, { errorClass: "DATA", code: "EXECUTION_TOO_LARGE" });
    const failure = toNodeFailure(error, { id: node.id, name: node.name, type: node.type, integration: definition.integration, attempt: end.attempt }, this.#dependencies.tools.clock.now());
    return { kind: "failed", failure, attempt: end.attempt, attempts: end.attempts, startedAt: end.startedAt };
  }

  #keep(nodeId: string, output: Json): void {
    this.#outputs.set(nodeId, output);
    this.#bytes += jsonBytes(output);
  }

  #intentRow(compiled: CompiledNode): JournalRow {
    const attempts = this.#earlierAttempts.get(compiled.node.id) ?? [];
    return { ...skippedRow(this.#claimed, compiled, this.#dependencies.ids.next()), status: "RUNNING", attempt: attempts.length + 1, attempts, startedAt: this.#dependencies.tools.clock.now() };
  }

  #node(nodeId: string): CompiledNode {
    const compiled = this.#version.nodes.get(nodeId);
    if (compiled === undefined) throw new NodeError(`The version has no node "${nodeId}".`, { errorClass: "INTERNAL", code: "EXECUTION_UNREADABLE" });
    return compiled;
  }
}

/** A failed node that took no port stopped the execution; one that took a port was handled. */
function outcomeOf(status: JournalRow["status"], ports: readonly string[]): NodeOutcome {
  return status === "FAILED" && ports.length === 0 ? { kind: "failed" } : { kind: "done", ports };
}

function uncertainEnd(entry: JournalEntry, { node, definition }: CompiledNode, now: Date): NodeEnd {
  const error = new NodeError("A worker ended while this node acted. Whether the act took place is unknown, and the node is set not to repeat it.", {
    errorClass: "REFUSED",
    code: "SIDE_EFFECT_UNCERTAIN",
  });
  const failure = toNodeFailure(error, { id: node.id, name: node.name, type: node.type, integration: definition.integration, attempt: entry.attempt }, now);
  return { kind: "failed", failure, attempt: entry.attempt, attempts: entry.attempts, startedAt: entry.startedAt === null ? now : new Date(entry.startedAt) };
}

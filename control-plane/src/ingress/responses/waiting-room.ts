import type { Clock } from "@fluxo/core/ports/clock";
import type { AwaitedExecution, ExecutionResponse } from "@fluxo/prisma/executions/responses";
import { GroupCommit } from "@fluxo/runtime/group-commit";
import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";

export interface WaitingRoomOptions {
  /** Looks for answers; in the order of what it is given, undefined where there is none yet. */
  readonly read: (awaited: readonly AwaitedExecution[]) => Promise<readonly (ExecutionResponse | undefined)[]>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly waitersMax?: number;
}

export interface WaitOptions {
  readonly timeoutMs: number;
  /** Aborts when the caller went away. */
  readonly signal: AbortSignal;
  /** The execution may have ended already: look at once. */
  readonly isEarlier: boolean;
}

interface Waiter {
  readonly awaited: AwaitedExecution;
  readonly end: (outcome: Outcome, response?: ExecutionResponse) => void;
  isLooking: boolean;
  /** Something was told while it was looking. */
  isTold: boolean;
}

type Outcome = "answered" | "timeout" | "gone" | "refused";

/** Callers that one process lets wait at one time; the next ones are answered at once. */
const WAITERS_MAX = 1_000;
/** How often everybody looks, whether told or not: a message may be lost, and not every end is told. */
const LOOK_EVERY_MS = 1_000;
const READ_MAX = 100;

/**
 * Where callers of synchronous webhooks wait for their executions. PostgreSQL has the answers; a message only says when to look. Looks of one turn share
 * a statement. Nothing that happens here changes an execution: a caller that leaves or is late loses its wait and nothing else.
 */
export class WaitingRoom {
  readonly #options: WaitingRoomOptions;
  readonly #waiters = new Map<string, Set<Waiter>>();
  readonly #reads: GroupCommit<AwaitedExecution, ExecutionResponse | undefined>;
  readonly #stopping = new AbortController();
  #size = 0;

  constructor(options: WaitingRoomOptions) {
    this.#options = options;
    this.#reads = new GroupCommit({ flush: options.read, maxBatch: READ_MAX, maxQueued: 10 * WAITERS_MAX });
  }

  /** Waits for the answer of an execution. @returns undefined when there is none in time, the room is full or closed, or the caller is gone */
  async wait(awaited: AwaitedExecution, { timeoutMs, signal, isEarlier }: WaitOptions): Promise<ExecutionResponse | undefined> {
    const { clock, metrics, waitersMax = WAITERS_MAX } = this.#options;
    if (signal.aborted || this.#stopping.signal.aborted || this.#size >= waitersMax) {
      metrics.hookAnswers.inc({ outcome: signal.aborted ? "gone" : "refused" });
      return undefined;
    }
    const { promise, resolve } = Promise.withResolvers<ExecutionResponse | undefined>();
    const ended = new AbortController();
    const end: Waiter["end"] = (outcome, response) => {
      if (ended.signal.aborted) return;
      ended.abort();
      metrics.hookAnswers.inc({ outcome });
      resolve(response);
    };
    const waiter: Waiter = { awaited, end, isLooking: false, isTold: false };
    this.#enter(waiter);
    signal.addEventListener("abort", () => end("gone"), { signal: ended.signal });
    this.#stopping.signal.addEventListener("abort", () => end("refused"), { signal: ended.signal });
    void clock.sleep(timeoutMs, ended.signal).then(() => this.#endLate(waiter), () => undefined);
    if (isEarlier) void this.#look(waiter);
    try {
      return await promise;
    } finally {
      this.#leave(waiter);
    }
  }

  /** Says that an execution has an answer or has ended. */
  tell(executionId: string): void {
    for (const waiter of this.#waiters.get(executionId) ?? []) void this.#look(waiter);
  }

  /** Begins to look by itself. */
  start(): void {
    void this.#run();
  }

  /** Lets everybody go and nobody in. */
  close(): void {
    this.#stopping.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    for (;;) {
      await this.#options.clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      for (const executionId of this.#waiters.keys()) this.tell(executionId);
    }
  }

  async #look(waiter: Waiter): Promise<void> {
    waiter.isTold = true;
    if (waiter.isLooking) return;
    waiter.isLooking = true;
    while (waiter.isTold) {
      waiter.isTold = false;
      const response = await this.#read(waiter);
      if (response !== undefined) waiter.end("answered", response);
    }
    waiter.isLooking = false;
  }

  /** The last moment: an answer that is there counts. */
  async #endLate(waiter: Waiter): Promise<void> {
    const response = await this.#read(waiter);
    waiter.end(response === undefined ? "timeout" : "answered", response);
  }

  async #read({ awaited }: Waiter): Promise<ExecutionResponse | undefined> {
    try {
      return await this.#reads.add(awaited);
    } catch (error) {
      this.#options.logger.warn({ err: error, executionId: awaited.executionId }, "an answer could not be looked for");
      return undefined;
    }
  }

  #enter(waiter: Waiter): void {
    const { executionId } = waiter.awaited;
    const others = this.#waiters.get(executionId) ?? new Set();
    this.#waiters.set(executionId, others.add(waiter));
    this.#size += 1;
    this.#options.metrics.hookWaiters.set(this.#size);
  }

  #leave(waiter: Waiter): void {
    const { executionId } = waiter.awaited;
    const others = this.#waiters.get(executionId);
    others?.delete(waiter);
    if (others?.size === 0) this.#waiters.delete(executionId);
    this.#size -= 1;
    this.#options.metrics.hookWaiters.set(this.#size);
  }
}

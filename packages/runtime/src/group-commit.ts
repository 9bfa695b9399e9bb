/** The queue is full, or too slow: the caller answers that it is overloaded, instead of promising what it cannot keep. */
export class OverloadedError extends Error {
  override readonly name = "OverloadedError";
  readonly code = "OVERLOADED";
}

/** An item came after `drain`. */
export class DrainedError extends Error {
  override readonly name = "DrainedError";
  readonly code = "DRAINED";

  constructor() {
    super("The group takes no more items, because the process stops.");
  }
}

/** What one call of `flush` did; for metrics. */
export interface FlushReport {
  readonly size: number;
  readonly durationMs: number;
  readonly hasFailed: boolean;
}

export interface GroupCommitOptions<T, R> {
  /** Writes all items together and resolves to their results in the same order; rejects when none was written. */
  readonly flush: (items: readonly T[]) => Promise<readonly R[]>;
  /** Most items of one flush. */
  readonly maxBatch: number;
  /** Most items that wait for a flush. */
  readonly maxQueued: number;
  /** No item is taken while another one has waited for its flush for longer than this; no bound when absent. The number that may wait follows the speed of the store. */
  readonly maxWaitMs?: number;
  /** A clock that only goes forward, in milliseconds; `performance.now` when absent. */
  readonly nowMs?: () => number;
  /** Flushes that run at the same time; 1 when absent, which also keeps batches in order. */
  readonly maxInFlight?: number;
  /**
   * To whom an item belongs, as text. Of what waits, flushes at the same time take different owners as long as there are some for each, so that a flush has few owners with many items each. Absent:
   * every flush takes whatever is first.
   */
  readonly ownerOf?: (item: T) => string;
  /** Flush the items of a failed batch one by one, so that poison fails alone. Asks `isRetryable`, without which nothing is repeated. */
  readonly retryRowByRow?: boolean;
  /** Whether the error proves that nothing of the batch was written. A lost connection proves nothing. */
  readonly isRetryable?: (error: unknown) => boolean;
  readonly onFlush?: (report: FlushReport) => void;
}

interface Waiting<T, R> {
  readonly item: T;
  readonly addedAtMs: number;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Lets concurrent callers share one write. An idle group writes in the same turn of the event loop, after all callbacks of that turn, so that
 * callers of one turn share a flush and a lone item waits for no timer. While `maxInFlight` flushes run, items queue for the next one:
 * batches grow with the load by themselves.
 */
export class GroupCommit<T, R> {
  readonly #options: GroupCommitOptions<T, R>;
  readonly #maxInFlight: number;
  readonly #nowMs: () => number;
  #queue: Waiting<T, R>[] = [];
  /** The flushes that run, by their number from 0. */
  readonly #inFlight = new Set<number>();
  #isScheduled = false;
  #isDraining = false;
  #drained = Promise.withResolvers<undefined>();

  /** @throws RangeError for bounds below 1, or for `retryRowByRow` without `isRetryable`. */
  constructor(options: GroupCommitOptions<T, R>) {
    this.#options = options;
    this.#maxInFlight = options.maxInFlight ?? 1;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    for (const bound of [options.maxBatch, options.maxQueued, this.#maxInFlight]) {
      if (!Number.isInteger(bound) || bound < 1) throw new RangeError("maxBatch, maxQueued and maxInFlight must be whole numbers from 1.");
    }
    if (options.retryRowByRow === true && options.isRetryable === undefined) throw new RangeError("retryRowByRow needs isRetryable.");
  }

  /** How many items wait for a flush. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Adds an item; resolves to its own result once it is written. @throws OverloadedError (see `maxQueued` and `maxWaitMs`), DrainedError, or what the flush of the item threw */
  async add(item: T): Promise<R> {
    if (this.#isDraining) throw new DrainedError();
    const { maxQueued, maxWaitMs = Number.POSITIVE_INFINITY } = this.#options;
    const addedAtMs = this.#nowMs();
    if (this.#queue.length >= maxQueued) throw new OverloadedError(`More than ${maxQueued} items are waiting to be written.`);
    if (addedAtMs - (this.#queue[0]?.addedAtMs ?? addedAtMs) > maxWaitMs) throw new OverloadedError(`Items wait for longer than ${maxWaitMs} ms to be written.`);
    return new Promise((resolve, reject) => {
      this.#queue.push({ item, addedAtMs, resolve, reject });
      this.#schedule();
    });
  }

  /** Takes no more items and resolves when every item that was taken has its answer. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#endWhenDrained();
    await this.#drained.promise;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#inFlight.size >= this.#maxInFlight) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      for (let flush = 0; flush < this.#maxInFlight && this.#queue.length > 0; flush += 1) {
        if (!this.#inFlight.has(flush)) void this.#flushNext(flush);
      }
    });
  }

  /** Takes what the flush of this number writes: its own owners' items, or anybody's when they have none. */
  #take(flush: number): readonly Waiting<T, R>[] {
    const { maxBatch, ownerOf } = this.#options;
    const isOwn = ({ item }: Waiting<T, R>): boolean => ownerOf === undefined || hashOf(ownerOf(item)) % this.#maxInFlight === flush;
    const own = this.#maxInFlight === 1 ? this.#queue : this.#queue.filter(isOwn);
    const batch = (own.length === 0 ? this.#queue : own).slice(0, maxBatch);
    const taken = new Set(batch);
    this.#queue = this.#queue.filter((waiting) => !taken.has(waiting));
    return batch;
  }

  async #flushNext(flush: number): Promise<void> {
    const batch = this.#take(flush);
    this.#inFlight.add(flush);
    try {
      await this.#flushBatch(batch);
    } finally {
      this.#inFlight.delete(flush);
      if (this.#queue.length > 0) this.#schedule();
      this.#endWhenDrained();
    }
  }

  async #flushBatch(batch: readonly Waiting<T, R>[]): Promise<void> {
    try {
      const results = await this.#write(batch.map((waiting) => waiting.item));
      for (const [index, result] of results.entries()) batch[index]?.resolve(result);
    } catch (error) {
      const { retryRowByRow = false, isRetryable } = this.#options;
      if (batch.length > 1 && retryRowByRow && isRetryable?.(error) === true) {
        for (const waiting of batch) await this.#flushBatch([waiting]);
      } else {
        for (const waiting of batch) waiting.reject(error);
      }
    }
  }

  async #write(items: readonly T[]): Promise<readonly R[]> {
    const startedAt = performance.now();
    let hasFailed = true;
    try {
      const results = await this.#options.flush(items);
      if (results.length !== items.length) throw new Error(`A flush of ${items.length} items gave ${results.length} results.`);
      hasFailed = false;
      return results;
    } finally {
      this.#options.onFlush?.({ size: items.length, durationMs: performance.now() - startedAt, hasFailed });
    }
  }

  #endWhenDrained(): void {
    if (this.#isDraining && this.#queue.length === 0 && this.#inFlight.size === 0) this.#drained.resolve(undefined);
  }
}

/** Spreads texts evenly over small numbers (FNV-1a, 32 bits). */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return (hash ^ (hash >>> 16)) >>> 0;
}

import type { Clock } from "@fluxo/core/ports/clock";
import { extendLeases, type HeldLease } from "@fluxo/prisma/executions/leases";
import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";
import type pg from "pg";

/** An execution in work, as its lease sees it. */
export interface Holder extends HeldLease {
  /** The lease is gone: stop and write nothing more. */
  lose(): void;
  /** A cancel was asked for: stop and settle as CANCELED. */
  cancel(): void;
}

export interface LeaseKeeperOptions {
  /** Connections of fluxo_system. */
  readonly pool: pg.Pool;
  readonly owner: string;
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

interface Held {
  readonly holder: Holder;
  /** By this process's monotonic clock: after it the lease may be another's. Always earlier than the database's own instant. */
  safeUntilMs: number;
}

/**
 * Extends the leases of everything in work in one statement each quarter of a lease, but for those that are younger than that. The database's clock decides about leases; this process only
 * measures how long ago its last successful extension began, and gives up by itself when that is longer than a lease.
 */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #held = new Map<string, Held>();
  readonly #stopped = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#held.size;
  }

  /**
   * Whether the lease is surely held still, by this process's own measure. A process that was paused finds out here, before its timers tell it.
   */
  isHeld(executionId: string, epoch: number): boolean {
    const entry = this.#held.get(executionId);
    return entry !== undefined && entry.holder.epoch === epoch && performance.now() <= entry.safeUntilMs;
  }

  /**
   * A process may take over from itself, when it was paused past its lease: of two holders of one execution only the later epoch's holds it, and the other one is told.
   * @param claimBegunMs `performance.now()` before the claim was sent
   */
  add(holder: Holder, claimBegunMs: number): void {
    const other = this.#held.get(holder.executionId)?.holder;
    if (other !== undefined && other.epoch > holder.epoch) {
      this.#lose(holder);
      return;
    }
    this.#held.set(holder.executionId, { holder, safeUntilMs: claimBegunMs + this.#options.leaseMs });
    if (other !== undefined) this.#lose(other);
  }

  remove(executionId: string, epoch: number): void {
    if (this.#held.get(executionId)?.holder.epoch === epoch) this.#held.delete(executionId);
  }

  /** Tells the holder of a cancel sooner than the next heartbeat would. */
  cancel(executionId: string): void {
    this.#held.get(executionId)?.holder.cancel();
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** One heartbeat. Never throws. @param minAgeMs leases that are younger are left as they are */
  async tick(minAgeMs = 0): Promise<void> {
    const begunMs = performance.now();
    const held = [...this.#held.values()].filter(({ safeUntilMs }) => begunMs - (safeUntilMs - this.#options.leaseMs) >= minAgeMs);
    if (held.length === 0) return;
    try {
      const { pool, owner, leaseMs } = this.#options;
      const kept = await extendLeases(pool, owner, leaseMs, held.map(({ holder }) => holder));
      for (const entry of held) {
        const isCanceled = kept.get(entry.holder.executionId);
        if (this.#held.get(entry.holder.executionId) !== entry) continue;
        if (isCanceled === undefined) this.#lose(entry.holder);
        else {
          entry.safeUntilMs = begunMs + leaseMs;
          if (isCanceled) entry.holder.cancel();
        }
      }
    } catch (error) {
      this.#options.logger.warn({ err: error, held: held.length }, "heartbeat failed");
    }
    this.#giveUpExpired();
  }

  /** Ends the heartbeats and gives every lease still held back at once, so that another worker may continue without waiting. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
    const holders = [...this.#held.values()].map(({ holder }) => holder);
    for (const holder of holders) holder.lose();
    this.#held.clear();
    if (holders.length === 0) return;
    await extendLeases(this.#options.pool, this.#options.owner, 0, holders).catch((error: unknown) => {
      this.#options.logger.warn({ err: error, held: holders.length }, "leases could not be handed back; they run out by themselves");
    });
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    let beat: Promise<unknown> | undefined;
    const beatMs = this.#options.leaseMs / 4;
    while (!signal.aborted) {
      await this.#options.clock.sleep(beatMs, signal).catch(() => undefined);
      this.#giveUpExpired();
      if (signal.aborted || this.#held.size === 0) continue;
      // A heartbeat may wait for an answer longer than a lease lasts: what it cannot extend ends all the same.
      beat ??= this.tick(beatMs).finally(() => (beat = undefined));
    }
    await beat;
  }

  #giveUpExpired(): void {
    for (const { holder, safeUntilMs } of this.#held.values()) {
      if (performance.now() > safeUntilMs) this.#lose(holder);
    }
  }

  #lose(holder: Holder): void {
    this.remove(holder.executionId, holder.epoch);
    this.#options.metrics.leasesLost.inc();
    this.#options.logger.warn({ executionId: holder.executionId, epoch: holder.epoch }, "lease lost");
    holder.lose();
  }
}

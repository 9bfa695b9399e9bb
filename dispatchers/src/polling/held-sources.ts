import type { Clock } from "@fluxo/core/ports/clock";
import { extendTriggerLeases, type ClaimedTrigger } from "@fluxo/prisma/dispatch/claim";
import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";
import type pg from "pg";
import type { PollRunner } from "./poll-runner.ts";
import type { PollResult, WatchableSource, WatchEnd } from "./source.ts";

export interface HeldSourcesOptions {
  readonly source: WatchableSource;
  readonly runner: PollRunner;
  readonly owner: string;
  /** Connections of fluxo_system. */
  readonly system: pg.Pool;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "sourcesHeld">;
  readonly leaseMs: number;
  /** Connections of this process at one time, and of these to one host. */
  readonly max: number;
  readonly hostMax: number;
}

interface Held {
  readonly claimed: ClaimedTrigger;
  readonly ending: AbortController;
  host: string | undefined;
  /** Resolves when its connection is closed and its lease is given back. */
  done: Promise<void>;
}

/** Leases are kept this often within their time. */
const EXTENSIONS = 3;
/** A source whose server cannot tell is polled for so long before it is asked again. */
const UNABLE_MS = 3_600_000;
const UNABLE_MAX = 10_000;
/** After a lost connection, and up to a tenth more. */
const AGAIN_MS = 1_000;

/**
 * Sources of this process that are watched over a connection each. The lease of a watched trigger is kept as long as its connection stands, and the connection ends when the
 * lease cannot be kept: paused, switched off, published anew, taken over, or the database is away. So no trigger has two watchers for longer than a lease, and a process that
 * ends leaves nothing behind. What a watcher sees is committed as by every look; one that lost its lease writes nothing.
 */
export class HeldSources {
  readonly #options: HeldSourcesOptions;
  readonly #held = new Map<string, Held>();
  readonly #unableUntilMs = new Map<string, number>();
  readonly #stopping = new AbortController();
  #keeping: Promise<void> | undefined;

  constructor(options: HeldSourcesOptions) {
    this.#options = options;
  }

  /**
   * Watches a trigger, if it asks for it, its server can and there is room. @returns true once its first look is committed or has failed; false: it is to be polled
   * @throws what the database threw
   */
  async hold(claimed: ClaimedTrigger): Promise<boolean> {
    const { triggerId } = claimed;
    const { source, max } = this.#options;
    if (this.#stopping.signal.aborted || this.#held.size >= max || this.#held.has(triggerId) || !source.isWatched(claimed) || this.#isUnable(triggerId)) return false;
    const first = Promise.withResolvers<boolean>();
    const held: Held = { claimed, ending: new AbortController(), host: undefined, done: Promise.resolve() };
    this.#held.set(triggerId, held);
    this.#count();
    held.done = this.#watch(held, () => first.resolve(true))
      .then(first.resolve, (error: unknown) => {
        this.#options.logger.error({ err: error, triggerId }, "a watched source could not be given back; it is due again when its lease ends");
        first.reject(error);
      })
      .finally(() => {
        this.#held.delete(triggerId);
        this.#count();
      });
    this.#keeping ??= this.#keep();
    return first.promise;
  }

  /** Ends every watch; resolves when the connections are closed and the leases given back. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const { ending } of this.#held.values()) ending.abort(new Error("The dispatcher stops."));
    await Promise.all([...this.#held.values()].map(({ done }) => done));
    await this.#keeping;
  }

  /** @returns false when the source cannot be watched and nothing was looked at */
  async #watch(held: Held, onTold: () => void): Promise<boolean> {
    const { claimed, ending } = held;
    const { source, runner, clock, hostMax } = this.#options;
    let isTold = false;
    let begunMs = performance.now();
    const tell = async (found: PollResult): Promise<boolean> => {
      const result = await runner.commit({ ...runner.outcomeOf(claimed, found), hold: true }, performance.now() - begunMs);
      begunMs = performance.now();
      isTold = true;
      onTold();
      return result !== undefined;
    };
    const takeHost = (host: string): boolean => {
      if ([...this.#held.values()].filter((other) => other.host === host).length >= hostMax) return false;
      held.host = host;
      return true;
    };
    let end: WatchEnd;
    try {
      end = await source.watch(claimed, { signal: ending.signal, now: () => clock.now(), takeHost, tell });
    } catch (error) {
      if (ending.signal.aborted) end = "stopped";
      else {
        await runner.commit(runner.failureOf(claimed, error, false));
        return true;
      }
    }
    if (end === "unable") this.#noteUnable(claimed.triggerId);
    if (end === "unable" && !isTold) return false;
    await runner.commit(runner.releaseOf(claimed, this.#waitMs(end, claimed)));
    return true;
  }

  /** Who stops hands over at once; a lost connection is made anew soon, as the plan's floor allows; who cannot be watched is looked at in its interval. */
  #waitMs(end: WatchEnd, claimed: ClaimedTrigger): number {
    const { source } = this.#options;
    switch (end) {
      case "stopped":
        return 0;
      case "gone":
        return Math.max(AGAIN_MS, claimed.pollIntervalMsMin);
      case "unable":
        return Math.max(source.intervalMs(claimed.config), claimed.pollIntervalMsMin);
      default:
        return end satisfies never;
    }
  }

  /** Keeps the leases of all that is watched. What is not kept, and everything when none was kept for a lease, ends. */
  async #keep(): Promise<void> {
    const { system, owner, clock, leaseMs, logger } = this.#options;
    const signal = this.#stopping.signal;
    let keptAtMs = performance.now();
    while (!signal.aborted) {
      await clock.sleep(leaseMs / EXTENSIONS, signal).catch(() => undefined);
      const all = [...this.#held.values()];
      const begunMs = performance.now();
      try {
        const kept = signal.aborted || all.length === 0 ? undefined : await extendTriggerLeases(system, owner, all.map(({ claimed }) => claimed), leaseMs);
        if (kept !== undefined) for (const { claimed, ending } of all) if (!kept.has(claimed.triggerId)) ending.abort(new Error("The lease is not kept."));
        keptAtMs = begunMs;
      } catch (error) {
        logger.warn({ err: error, held: all.length }, "the leases of watched sources were not kept");
        if (performance.now() - keptAtMs > (leaseMs * (EXTENSIONS - 1)) / EXTENSIONS) for (const { ending } of all) ending.abort(new Error("The leases could not be kept."));
      }
    }
  }

  #isUnable(triggerId: string): boolean {
    const untilMs = this.#unableUntilMs.get(triggerId);
    if (untilMs !== undefined && untilMs <= performance.now()) this.#unableUntilMs.delete(triggerId);
    return this.#unableUntilMs.has(triggerId);
  }

  #noteUnable(triggerId: string): void {
    if (this.#unableUntilMs.size >= UNABLE_MAX) this.#unableUntilMs.clear();
    this.#unableUntilMs.set(triggerId, performance.now() + UNABLE_MS);
  }

  #count(): void {
    this.#options.metrics.sourcesHeld.set({ kind: this.#options.source.kind }, this.#held.size);
  }
}

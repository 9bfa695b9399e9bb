import type { Clock } from "@fluxo/core/ports/clock";
import type { Logger } from "@fluxo/runtime/logger";
import type { RedisClient } from "@fluxo/runtime/redis";
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";

export interface MinuteCounterOptions {
  /** Role `commands`. */
  readonly redis: RedisClient;
  /** Start of its keys. */
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** While Redis is away: `memory` counts in this process alone, `open` takes everything. */
  readonly whenAway: "memory" | "open";
}

/** What became of a count. */
export interface Count {
  readonly isTaken: boolean;
  /** What is left in the window. */
  readonly remaining: number;
  readonly resetMs: number;
  /** Redis has counted it, for all processes. */
  readonly isShared: boolean;
}

interface Limiters {
  readonly shared: RateLimiterRedis;
  readonly own: RateLimiterMemory;
}

export const WINDOW_SECONDS = 60;
/** A Redis that takes longer than this is away: the caller waits for an answer. */
const PATIENCE_MS = 250;
/** A Redis that was away is not asked again for so long, so that nobody waits for it meanwhile. */
const AWAY_MS = 1_000;
/** Different limits that are kept ready. */
const LIMITERS_MAX = 500;
/** Keys that are remembered to be over their limit. */
const OVER_MAX = 20_000;

/**
 * Counts against limits per minute, over all processes, in Redis: one command per count. A key that is over its limit is refused from memory until its
 * window is over, and costs no command.
 */
export class MinuteCounter {
  readonly #options: MinuteCounterOptions;
  readonly #limiters = new Map<number, Limiters>();
  /** Until when keys are over a limit, and over which: a larger one, of another plan, may have room. */
  readonly #over = new Map<string, { readonly untilMs: number; readonly perMinute: number }>();
  #awayUntilMs = 0;

  constructor(options: MinuteCounterOptions) {
    this.#options = options;
  }

  /** Whether the key is known to be over its limit, without counting. */
  isOver(key: string, perMinute: number): boolean {
    return this.#overMs(key, perMinute) > 0;
  }

  /** Counts `points` at once: all of them or, when that is more than is left, none is taken. Never throws. */
  async take(key: string, perMinute: number, points = 1): Promise<Count> {
    const overMs = this.#overMs(key, perMinute);
    if (overMs > 0) return { isTaken: false, remaining: 0, resetMs: overMs, isShared: true };
    const limiters = this.#limitersFor(perMinute);
    if (this.#options.clock.now().getTime() < this.#awayUntilMs) return this.#takeAlone(limiters, key, perMinute, points);
    try {
      return toCount(await this.#inTime(limiters.shared.consume(key, points)), true, true);
    } catch (error) {
      if (error instanceof RateLimiterRes) {
        this.#noteOver(key, perMinute, error.msBeforeNext);
        return toCount(error, false, true);
      }
      this.#awayUntilMs = this.#options.clock.now().getTime() + AWAY_MS;
      this.#options.logger.warn({ err: error, limits: this.#options.name }, "requests are not counted over all processes, because Redis does not answer");
      return this.#takeAlone(limiters, key, perMinute, points);
    }
  }

  async #takeAlone({ own }: Limiters, key: string, perMinute: number, points: number): Promise<Count> {
    if (this.#options.whenAway === "open") return { isTaken: true, remaining: perMinute, resetMs: AWAY_MS, isShared: false };
    try {
      return toCount(await own.consume(key, points), true, false);
    } catch (error) {
      if (error instanceof RateLimiterRes) return toCount(error, false, false);
      throw error;
    }
  }

  #overMs(key: string, perMinute: number): number {
    const known = this.#over.get(key);
    return known === undefined || perMinute > known.perMinute ? 0 : known.untilMs - this.#options.clock.now().getTime();
  }

  #noteOver(key: string, perMinute: number, ms: number): void {
    this.#over.delete(key);
    this.#over.set(key, { untilMs: this.#options.clock.now().getTime() + ms, perMinute });
    const [oldest] = this.#over.keys();
    if (this.#over.size > OVER_MAX && oldest !== undefined) this.#over.delete(oldest);
  }

  async #inTime(counting: Promise<RateLimiterRes>): Promise<RateLimiterRes> {
    const done = new AbortController();
    const late = this.#options.clock.sleep(PATIENCE_MS, done.signal).then(() => Promise.reject(new Error("Redis did not answer in time.")));
    try {
      return await Promise.race([counting, late]);
    } finally {
      counting.catch(() => undefined);
      late.catch(() => undefined);
      done.abort();
    }
  }

  #limitersFor(perMinute: number): Limiters {
    const known = this.#limiters.get(perMinute);
    if (known !== undefined) return known;
    const common = { keyPrefix: this.#options.name, points: perMinute, duration: WINDOW_SECONDS };
    const made: Limiters = {
      shared: new RateLimiterRedis({ ...common, storeClient: this.#options.redis }),
      own: new RateLimiterMemory(common),
    };
    const oldest = this.#limiters.keys().next();
    if (this.#limiters.size >= LIMITERS_MAX && oldest.done !== true) this.#limiters.delete(oldest.value);
    this.#limiters.set(perMinute, made);
    return made;
  }
}

function toCount({ remainingPoints, msBeforeNext }: RateLimiterRes, isTaken: boolean, isShared: boolean): Count {
  return { isTaken, remaining: isTaken ? remainingPoints : 0, resetMs: msBeforeNext, isShared };
}

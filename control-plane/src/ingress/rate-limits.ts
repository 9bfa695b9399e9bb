import type { Clock } from "@fluxo/core/ports/clock";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";
import type { RedisClient } from "@fluxo/runtime/redis";
import { BurstyRateLimiter, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";

/** What a hook takes: requests in a minute, and so many more in ten. */
export interface HookRateLimit {
  readonly perMinute: number;
  readonly burst: number;
}

export interface RateLimitsOptions {
  /** Role `commands`. */
  readonly redis: RedisClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

interface Limiter {
  consume(key: string): Promise<RateLimiterRes>;
}

const WINDOW_SECONDS = 60;
const BURST_WINDOW_SECONDS = 600;
/** A Redis that takes longer than this is away: the hook must answer. */
const PATIENCE_MS = 250;
/** Kinds of limits that are kept ready. */
const LIMITERS_MAX = 500;

/**
 * Counts the requests of hooks that have a limit, over all ingress processes, in Redis. It fails open: a request that cannot be counted is taken,
 * and a metric says so.
 */
export class RateLimits {
  readonly #options: RateLimitsOptions;
  readonly #limiters = new Map<string, Limiter>();

  constructor(options: RateLimitsOptions) {
    this.#options = options;
  }

  /** Counts one request. @throws RequestError RATE_LIMITED with the seconds until the next one is taken */
  async take(triggerId: string, limit: HookRateLimit): Promise<void> {
    const { clock, logger, metrics } = this.#options;
    const done = new AbortController();
    const late = clock.sleep(PATIENCE_MS, done.signal).then(() => Promise.reject(new Error("Redis did not answer in time.")));
    try {
      await Promise.race([this.#limiter(limit).consume(triggerId), late]);
    } catch (error) {
      if (error instanceof RateLimiterRes) {
        const retryAfterSeconds = Math.max(1, Math.ceil(error.msBeforeNext / 1_000));
        throw new RequestError("RATE_LIMITED", { detail: "The webhook gets more requests than its rate limit allows.", retryAfterSeconds });
      }
      metrics.hookLimitsUncounted.inc();
      logger.warn({ err: error, triggerId }, "a request was taken without being counted against its rate limit");
    } finally {
      late.catch(() => undefined);
      done.abort();
    }
  }

  #limiter(limit: HookRateLimit): Limiter {
    const key = `${limit.perMinute}+${limit.burst}`;
    const known = this.#limiters.get(key);
    if (known !== undefined) return known;
    const made = this.#make(limit);
    const oldest = this.#limiters.keys().next();
    if (this.#limiters.size >= LIMITERS_MAX && oldest.done !== true) this.#limiters.delete(oldest.value);
    this.#limiters.set(key, made);
    return made;
  }

  #make({ perMinute, burst }: HookRateLimit): Limiter {
    const storeClient = this.#options.redis;
    const main = new RateLimiterRedis({ storeClient, keyPrefix: "hook-rate", points: perMinute, duration: WINDOW_SECONDS });
    if (burst === 0) return main;
    return new BurstyRateLimiter(main, new RateLimiterRedis({ storeClient, keyPrefix: "hook-burst", points: burst, duration: BURST_WINDOW_SECONDS }));
  }
}

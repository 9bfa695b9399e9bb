import { RequestError } from "@fluxo/core/errors/request-error";
import type { Clock } from "@fluxo/core/ports/clock";
import { networkOf } from "@fluxo/runtime/http/client-address";
import type { Metrics } from "@fluxo/runtime/metrics";
import type { RedisClient } from "@fluxo/runtime/redis";
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import type { AccessChanges } from "./access-changes.ts";

/** Failed authentications in a minute, after which a source is refused for the rest of it. */
export interface FailureThresholds {
  readonly perAddress: number;
  readonly perKey: number;
}

export interface FailureLimitsOptions {
  /** Role `commands`. */
  readonly redis: RedisClient;
  readonly changes: AccessChanges;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, "authenticationsRefused">;
  readonly thresholds: FailureThresholds;
}

const WINDOW_SECONDS = 60;
/** Refused sources, and pairs of key and address, that are remembered; beyond it the oldest go. */
const REMEMBERED_MAX = 50_000;

/**
 * Slows down guessing. Failed authentications are counted per network address and per key id over all processes, in Redis; while Redis is away each
 * process counts by itself. It fails closed: a source over its limit is refused before anything is looked up, also with the right secret. Of a key that
 * strangers guess at, addresses that used it rightly before are not refused, so that nobody can lock its owner out.
 */
export class FailureLimits {
  readonly #options: FailureLimitsOptions;
  readonly #byAddress: RateLimiterRedis;
  readonly #byKey: RateLimiterRedis;
  /** `address:…` or `key:…` → until when it is refused. */
  readonly #refusedUntilMs = new Map<string, number>();
  /** Pairs of key and address that were right. */
  readonly #known = new Set<string>();

  constructor(options: FailureLimitsOptions) {
    this.#options = options;
    const { redis, thresholds, changes } = options;
    this.#byAddress = limiter(redis, "auth-address", thresholds.perAddress);
    this.#byKey = limiter(redis, "auth-key", thresholds.perKey);
    changes.onChange((change) => {
      if (change.kind === "refusedSource") this.#remember(change.source, change.untilMs);
    });
  }

  /** Before anything is looked up. @param keyId null: no key @throws RequestError RATE_LIMITED */
  assertOpen(ip: string | null, keyId: string | null): void {
    if (this.#refusedUntilMs.size === 0) return;
    const address = networkOf(ip);
    this.#assertNotRefused(`address:${address}`);
    if (keyId !== null && !this.#known.has(`${keyId} ${address}`)) this.#assertNotRefused(`key:${keyId}`);
  }

  /** Notes that a key was right. */
  succeeded(ip: string | null, keyId: string): void {
    const pair = `${keyId} ${networkOf(ip)}`;
    if (this.#known.has(pair)) return;
    if (this.#known.size >= REMEMBERED_MAX) this.#known.clear();
    this.#known.add(pair);
  }

  /** Counts a failure. @param keyId null: not of a key @throws RequestError RATE_LIMITED beyond the limit */
  async failed(ip: string | null, keyId: string | null): Promise<void> {
    const address = networkOf(ip);
    await this.#count(this.#byAddress, address, `address:${address}`);
    if (keyId !== null) await this.#count(this.#byKey, keyId, `key:${keyId}`);
    this.#options.metrics.authenticationsRefused.inc({ reason: "wrong" });
  }

  async #count(counter: RateLimiterRedis, key: string, source: string): Promise<void> {
    try {
      await counter.consume(key);
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error;
      const untilMs = this.#options.clock.now().getTime() + error.msBeforeNext;
      await this.#options.changes.announce({ version: 1, kind: "refusedSource", source, untilMs });
      this.#refuse(error.msBeforeNext);
    }
  }

  #assertNotRefused(source: string): void {
    const untilMs = this.#refusedUntilMs.get(source);
    if (untilMs === undefined) return;
    const leftMs = untilMs - this.#options.clock.now().getTime();
    if (leftMs > 0) this.#refuse(leftMs);
    this.#refusedUntilMs.delete(source);
  }

  #refuse(leftMs: number): never {
    this.#options.metrics.authenticationsRefused.inc({ reason: "limited" });
    throw new RequestError("RATE_LIMITED", { detail: "Too many failed authentications.", retryAfterSeconds: Math.max(1, Math.ceil(leftMs / 1_000)) });
  }

  #remember(source: string, untilMs: number): void {
    this.#refusedUntilMs.delete(source);
    this.#refusedUntilMs.set(source, untilMs);
    const [oldest] = this.#refusedUntilMs.keys();
    if (this.#refusedUntilMs.size > REMEMBERED_MAX && oldest !== undefined) this.#refusedUntilMs.delete(oldest);
  }
}

function limiter(redis: RedisClient, keyPrefix: string, points: number): RateLimiterRedis {
  const insuranceLimiter = new RateLimiterMemory({ keyPrefix, points, duration: WINDOW_SECONDS });
  return new RateLimiterRedis({ storeClient: redis, keyPrefix, points, duration: WINDOW_SECONDS, insuranceLimiter, rejectIfRedisNotReady: true });
}

import type { Clock } from "@fluxo/core/ports/clock";
import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";
import type { RedisClient } from "@fluxo/runtime/redis";
import { RateLimitedError, type LimitState } from "../../rate-limits/fields.ts";
import { MinuteCounter, type Count } from "../../rate-limits/minute-counter.ts";
import type { Access } from "./access.ts";

export interface RequestLimitsOptions {
  readonly redis: RedisClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "apiLimitsUncounted">;
  /** Requests in a minute of one key or person. */
  readonly perMinuteOfCaller: number;
  /** Requests in a minute about one tenant, as its plan says; undefined when there is no such tenant. */
  readonly perMinuteOfTenant: (tenantId: string) => Promise<number | undefined>;
}

interface KnownLimit {
  readonly limit: Promise<number | undefined>;
  readonly untilMs: number;
}

/** For how long a plan's limit is remembered. */
const KNOWN_MS = 30_000;
const KNOWN_MAX = 20_000;

/**
 * Bounds the requests of a caller, and those of all callers about one tenant. Both are counted with one round trip to Redis; while it is away each
 * process counts for itself. A caller over its own limit costs the tenant nothing.
 */
export class RequestLimits {
  readonly #options: RequestLimitsOptions;
  readonly #callers: MinuteCounter;
  readonly #tenants: MinuteCounter;
  readonly #known = new Map<string, KnownLimit>();

  constructor(options: RequestLimitsOptions) {
    this.#options = options;
    const { redis, clock, logger } = options;
    this.#callers = new MinuteCounter({ redis, clock, logger, name: "api-caller", whenAway: "memory" });
    this.#tenants = new MinuteCounter({ redis, clock, logger, name: "api-tenant", whenAway: "memory" });
  }

  /** Counts one request. @returns how the caller stands. @throws RateLimitedError */
  async take({ actor, tenantId }: Access): Promise<readonly LimitState[]> {
    const { perMinuteOfCaller } = this.#options;
    const callerKey = `${actor.kind}:${actor.id}`;
    const perMinuteOfTenant = tenantId === null ? undefined : await this.#limitOf(tenantId);
    const isOver = this.#callers.isOver(callerKey);
    // Two commands of one turn leave together.
    const [caller, tenant] = await Promise.all([
      this.#callers.take(callerKey, perMinuteOfCaller),
      tenantId === null || perMinuteOfTenant === undefined || isOver ? undefined : this.#tenants.take(tenantId, perMinuteOfTenant),
    ]);
    if (!caller.isShared) this.#options.metrics.apiLimitsUncounted.inc();
    const states = [stateOf("key", perMinuteOfCaller, caller), ...(tenant === undefined || perMinuteOfTenant === undefined ? [] : [stateOf("tenant", perMinuteOfTenant, tenant)])];
    for (const [index, count] of [caller, tenant].entries()) {
      const exceeded = states[index];
      if (count?.isTaken === false && exceeded !== undefined) {
        throw new RateLimitedError(index === 0 ? "This caller sends more requests than its limit allows." : "More requests about this tenant come than its plan allows.", states, exceeded);
      }
    }
    return states;
  }

  async #limitOf(tenantId: string): Promise<number | undefined> {
    const nowMs = this.#options.clock.now().getTime();
    const known = this.#known.get(tenantId);
    if (known !== undefined && known.untilMs > nowMs) return known.limit;
    const limit = this.#options.perMinuteOfTenant(tenantId);
    this.#known.delete(tenantId);
    this.#known.set(tenantId, { limit, untilMs: nowMs + KNOWN_MS });
    const [oldest] = this.#known.keys();
    if (this.#known.size > KNOWN_MAX && oldest !== undefined) this.#known.delete(oldest);
    try {
      return await limit;
    } catch (error) {
      this.#known.delete(tenantId);
      throw error;
    }
  }
}

function stateOf(policy: LimitState["policy"], perMinute: number, { remaining, resetMs }: Count): LimitState {
  return { policy, perMinute, remaining, resetMs };
}

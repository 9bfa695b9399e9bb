import type { Clock } from "@fluxo/core/ports/clock";
import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";
import type { RedisClient } from "@fluxo/runtime/redis";
import { RateLimitedError } from "../rate-limits/fields.ts";
import { MinuteCounter } from "../rate-limits/minute-counter.ts";

export interface TenantRatesOptions {
  readonly redis: RedisClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "ingressLimitsUncounted">;
}

/** What this process may take of a tenant's requests without asking. */
interface Allowance {
  readonly perMinute: number;
  left: number;
  /** When the window ends in which it was had. */
  untilMs: number;
  /** Nothing is left in the window, of anybody. */
  isSpent: boolean;
  /** Redis did not count it. */
  isUncounted: boolean;
  refill: Promise<void> | undefined;
}

/** A process takes so many at once: a hundredth of the limit, so that little of it lies unused in processes. */
const PORTIONS = 100;
const PORTION_MAX = 500;
const TENANTS_MAX = 20_000;

/**
 * Bounds the hook requests of a tenant, over all ingress processes, by its plan. A process takes portions of the minute's requests from Redis and asks for
 * the next one before the last is used up, so a busy tenant's requests wait for nobody. Never more than the limit is taken in a window; what processes hold
 * and do not use may be missing, a hundredth of the limit per process. It fails open: while Redis is away everything is taken, and a metric says so.
 */
export class TenantRates {
  readonly #options: TenantRatesOptions;
  readonly #counter: MinuteCounter;
  readonly #allowances = new Map<string, Allowance>();

  constructor(options: TenantRatesOptions) {
    this.#options = options;
    const { redis, clock, logger } = options;
    this.#counter = new MinuteCounter({ redis, clock, logger, name: "ingress-tenant", whenAway: "open" });
  }

  /** Counts one request. @returns undefined when it was counted at once. @throws RateLimitedError, at once or later */
  take(tenantId: string, perMinute: number): Promise<void> | undefined {
    const allowance = this.#allowanceOf(tenantId, perMinute);
    return this.#takeNow(tenantId, allowance) ? undefined : this.#takeLater(tenantId, allowance);
  }

  async #takeLater(tenantId: string, allowance: Allowance): Promise<void> {
    do await this.#refill(tenantId, allowance);
    while (!this.#takeNow(tenantId, allowance));
  }

  /** @returns whether it was taken; false when the portion is used up. @throws RateLimitedError */
  #takeNow(tenantId: string, allowance: Allowance): boolean {
    const nowMs = this.#options.clock.now().getTime();
    if (allowance.untilMs <= nowMs) return false;
    if (allowance.left > 0) {
      allowance.left -= 1;
      if (allowance.isUncounted) this.#options.metrics.ingressLimitsUncounted.inc();
      else if (allowance.left * 2 < portionOf(allowance.perMinute) && !allowance.isSpent) void this.#refill(tenantId, allowance);
      return true;
    }
    if (!allowance.isSpent) return false;
    const state = { policy: "tenant", perMinute: allowance.perMinute, remaining: 0, resetMs: allowance.untilMs - nowMs } as const;
    throw new RateLimitedError("More requests come to the tenant's webhooks than its plan allows.", [state], state);
  }

  /** Takes another portion; requests of one moment share it. */
  #refill(tenantId: string, allowance: Allowance): Promise<void> {
    allowance.refill ??= this.#fill(tenantId, allowance).finally(() => (allowance.refill = undefined));
    return allowance.refill;
  }

  async #fill(tenantId: string, allowance: Allowance): Promise<void> {
    const { clock } = this.#options;
    const points = portionOf(allowance.perMinute);
    // Taken before Redis is asked: the window never seems to last longer than it does.
    const askedAtMs = clock.now().getTime();
    const { isTaken, resetMs, isShared } = await this.#counter.take(tenantId, allowance.perMinute, points);
    if (allowance.untilMs <= askedAtMs) allowance.left = 0;
    allowance.untilMs = askedAtMs + Math.max(1, resetMs);
    allowance.isSpent = !isTaken;
    allowance.isUncounted = !isShared;
    if (isTaken) allowance.left += points;
  }

  #allowanceOf(tenantId: string, perMinute: number): Allowance {
    const known = this.#allowances.get(tenantId);
    if (known?.perMinute === perMinute) return known;
    const made: Allowance = { perMinute, left: 0, untilMs: 0, isSpent: false, isUncounted: false, refill: undefined };
    const oldest = this.#allowances.keys().next();
    if (this.#allowances.size >= TENANTS_MAX && oldest.done !== true) this.#allowances.delete(oldest.value);
    this.#allowances.set(tenantId, made);
    return made;
  }
}

function portionOf(perMinute: number): number {
  return Math.min(PORTION_MAX, Math.max(1, Math.floor(perMinute / PORTIONS)));
}

import type { Clock } from "@fluxo/core/ports/clock";
import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";
import type { RedisClient } from "@fluxo/runtime/redis";
import { RateLimitedError, type LimitState } from "../../rate-limits/fields.ts";
import { MinuteCounter, type Count } from "../../rate-limits/minute-counter.ts";
import type { Access } from "./access.ts";
import type { AccessChanges } from "./access-changes.ts";
import { BriefCache } from "./brief-cache.ts";

export interface RequestLimitsOptions {
  readonly redis: RedisClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "apiLimitsUncounted">;
  /** Tells when plans changed. */
  readonly changes: Pick<AccessChanges, "onChange">;
  /** Requests in a minute of one key or person. */
  readonly perMinuteOfCaller: number;
  /** Requests in a minute about one tenant, as its plan says; undefined when there is no such tenant. */
  readonly perMinuteOfTenant: (tenantId: string) => Promise<number | undefined>;
}

/** For how long a plan's limit is remembered when nobody tells that it changed. */
const KNOWN_MS = 30_000;

/**
 * Bounds the requests of a caller, and those of all callers about one tenant. Both are counted with one round trip to Redis; while it is away each
 * process counts for itself. A caller over its own limit costs the tenant nothing.
 */
export class RequestLimits {
  readonly #options: RequestLimitsOptions;
  readonly #callers: MinuteCounter;
  readonly #tenants: MinuteCounter;
  readonly #ofTenants: BriefCache<number>;

  constructor(options: RequestLimitsOptions) {
    this.#options = options;
    const { redis, clock, logger, changes, perMinuteOfTenant } = options;
    this.#ofTenants = new BriefCache(perMinuteOfTenant, clock, KNOWN_MS);
    changes.onChange(({ kind }) => {
      if (kind === "plans" || kind === "everything") this.#ofTenants.clear();
    });
    this.#callers = new MinuteCounter({ redis, clock, logger, name: "api-caller", whenAway: "memory" });
    this.#tenants = new MinuteCounter({ redis, clock, logger, name: "api-tenant", whenAway: "memory" });
  }

  /** Counts one request. @returns how the caller stands. @throws RateLimitedError */
  async take({ actor, tenantId }: Access): Promise<readonly LimitState[]> {
    const { perMinuteOfCaller } = this.#options;
    const callerKey = `${actor.kind}:${actor.id}`;
    const perMinuteOfTenant = tenantId === null ? undefined : await this.#ofTenants.get(tenantId);
    const isOver = this.#callers.isOver(callerKey, perMinuteOfCaller);
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
}

function stateOf(policy: LimitState["policy"], perMinute: number, { remaining, resetMs }: Count): LimitState {
  return { policy, perMinute, remaining, resetMs };
}

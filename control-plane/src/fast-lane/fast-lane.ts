import { readFileSync } from "node:fs";
import {
  FAST_LANE_AGE_MAX_MS,
  FAST_LANE_ENTRIES_MAX,
  FAST_LANE_LIST,
  FAST_LANE_TENANT_ENTRIES_MAX,
  FAST_LANE_TENANT_PER_SECOND_MAX,
  type FastLaneEntry,
} from "@fluxo/contracts/channels/fast-lane";
import type { Clock } from "@fluxo/core/ports/clock";
import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";
import type { RedisClient } from "@fluxo/runtime/redis";
import { TenantRates } from "./tenant-rates.ts";

/** An execution that intake has committed. */
export interface AcceptedExecution {
  readonly tenantId: string;
  readonly executionId: string;
}

/** Told of executions once they are committed. Neither throws nor waits. */
export type HandOver = (accepted: readonly AcceptedExecution[]) => void;

export interface FastLaneOptions {
  /** Role `commands`. */
  readonly redis: RedisClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Hand-overs on their way at one time; a Redis that is slower than that takes no more. */
const IN_FLIGHT_MAX = 16;

const script = readFileSync(new URL("hand-over.lua", import.meta.url), "utf8");

/**
 * The sending end of the fast lane. Everything that it is given is in the outbox already, so it never waits, never repeats, and gives up at the first
 * sign of a backlog: many executions of one tenant at once or one after the other, a full list, a Redis that is away or slow.
 */
export class FastLane {
  readonly #options: FastLaneOptions;
  readonly #rates = new TenantRates(1_000);
  #inFlight = 0;

  constructor(options: FastLaneOptions) {
    this.#options = options;
  }

  /** Connects, so that the first execution finds the lane open. Nobody has to wait for it. */
  open(): void {
    void this.#options.redis.connect().catch(() => undefined); // createRedis reports it and tries again
  }

  /** Hands executions to the workers, or leaves them to the outbox. */
  readonly handOver: HandOver = (accepted) => {
    const { redis, metrics } = this.#options;
    const chosen = firstOfEachTenant(this.#ofQuietTenants(accepted), FAST_LANE_TENANT_ENTRIES_MAX);
    if (accepted.length > chosen.length) metrics.fastLaneRefused.inc({ reason: "backlog" }, accepted.length - chosen.length);
    if (chosen.length === 0) return;
    if (redis.status !== "ready" || this.#inFlight >= IN_FLIGHT_MAX) {
      metrics.fastLaneRefused.inc({ reason: "unavailable" }, chosen.length);
      return;
    }
    this.#inFlight += 1;
    void this.#push(chosen).finally(() => {
      this.#inFlight -= 1;
    });
  };

  /** Leaves out what belongs to a tenant that keeps sending: its executions are cheaper in the batches that its events become. */
  #ofQuietTenants(accepted: readonly AcceptedExecution[]): AcceptedExecution[] {
    const nowMs = this.#options.clock.now().getTime();
    return accepted.filter(({ tenantId }) => this.#rates.add(tenantId, nowMs) < FAST_LANE_TENANT_PER_SECOND_MAX);
  }

  async #push(chosen: readonly AcceptedExecution[]): Promise<void> {
    const { redis, clock, logger, metrics } = this.#options;
    const handedOverAt = clock.now().getTime();
    const entries = chosen.map(({ tenantId, executionId }) => JSON.stringify({ version: 1, tenantId, executionId, handedOverAt } satisfies FastLaneEntry));
    try {
      const added = Number(await redis.eval(script, 1, FAST_LANE_LIST, FAST_LANE_ENTRIES_MAX, FAST_LANE_AGE_MAX_MS, ...entries));
      metrics.fastLaneHandedOver.inc(added);
      if (added < chosen.length) metrics.fastLaneRefused.inc({ reason: "backlog" }, chosen.length - added);
    } catch (error) {
      metrics.fastLaneRefused.inc({ reason: "unavailable" }, chosen.length);
      logger.warn({ err: error, executions: chosen.length }, "fast lane: hand-over failed; their events start them");
    }
  }
}

/** In their order, at most `max` of each tenant. */
function firstOfEachTenant(accepted: readonly AcceptedExecution[], max: number): AcceptedExecution[] {
  const counts = new Map<string, number>();
  return accepted.filter(({ tenantId }) => {
    const count = (counts.get(tenantId) ?? 0) + 1;
    counts.set(tenantId, count);
    return count <= max;
  });
}

import { FAST_LANE_AGE_MAX_MS, FAST_LANE_LIST, fastLaneEntrySchema, type FastLaneEntry } from "@fluxo/contracts/channels/fast-lane";
import type { Clock } from "@fluxo/core/ports/clock";
import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";
import type { RedisClient } from "@fluxo/runtime/redis";
import { EngineStoppingError } from "../execution/engine.ts";

export interface FastLaneTakerOptions {
  /** Role `blocking`, this taker's own. */
  readonly redis: RedisClient;
  readonly claimAndRun: (tenantId: string, executionIds: readonly string[]) => Promise<unknown>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly inFlightMax?: number;
  readonly tenantInFlightMax?: number;
}

/** Executions that this worker runs by the lane at one time. While they are that many it takes nothing, the list grows, and so the lane closes. */
const IN_FLIGHT_MAX = 64;
/** Of one tenant: its further ones are a backlog of its own, which must not fill the lane for others. */
const TENANT_IN_FLIGHT_MAX = 16;
const TAKEN_MAX = 50;
/** How long one call waits for an entry; then it is asked again. Seconds. */
const BLOCK_SECONDS = 2;
const RETRY_MS = 1_000;

/** How long the connection may be silent: every call hears something after `BLOCK_SECONDS`. Milliseconds. */
export const FAST_LANE_SILENCE_MS = 5 * BLOCK_SECONDS * 1_000;

/**
 * The receiving end of the fast lane: takes entries as they come and hands them to the engine's one door, tenant by tenant. An entry that is old,
 * unreadable or of a tenant with a backlog is dropped: the outbox has its execution.
 */
export class FastLaneTaker {
  readonly #options: FastLaneTakerOptions;
  readonly #tenants = new Map<string, number>();
  readonly #stopping = new AbortController();
  #inFlight = 0;
  #freed = Promise.withResolvers<undefined>();
  #loop: Promise<void> = Promise.resolve();

  constructor(options: FastLaneTakerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop = this.#take();
  }

  /** Takes nothing more. What runs is the engine's to finish. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#freed.resolve(undefined);
    this.#options.redis.disconnect();
    await this.#loop;
  }

  async #take(): Promise<void> {
    const { redis, clock, logger, inFlightMax = IN_FLIGHT_MAX } = this.#options;
    while (!this.#stopping.signal.aborted) {
      const room = inFlightMax - this.#inFlight;
      if (room <= 0) {
        this.#freed = Promise.withResolvers();
        await this.#freed.promise;
        continue;
      }
      try {
        const taken = await redis.blmpop(BLOCK_SECONDS, 1, FAST_LANE_LIST, "LEFT", "COUNT", Math.min(room, TAKEN_MAX));
        if (taken !== null) this.#start(taken[1]);
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        logger.warn({ err: error }, "fast lane: nothing can be taken; events start executions meanwhile");
        await clock.sleep(RETRY_MS, this.#stopping.signal).catch(() => undefined);
      }
    }
  }

  #start(texts: readonly string[]): void {
    const byTenant = Map.groupBy(texts.flatMap((text) => this.#read(text)), ({ tenantId }) => tenantId);
    for (const [tenantId, entries] of byTenant) {
      const room = (this.#options.tenantInFlightMax ?? TENANT_IN_FLIGHT_MAX) - (this.#tenants.get(tenantId) ?? 0);
      const started = entries.slice(0, Math.max(0, room));
      if (started.length < entries.length) this.#drop("backlog", entries.length - started.length);
      if (started.length > 0) void this.#run(tenantId, started.map(({ executionId }) => executionId));
    }
  }

  /** The entry; none when it is of no use. */
  #read(text: string): readonly FastLaneEntry[] {
    try {
      const entry = fastLaneEntrySchema.parse(JSON.parse(text));
      if (this.#options.clock.now().getTime() - entry.handedOverAt <= FAST_LANE_AGE_MAX_MS) return [entry];
      this.#drop("old", 1);
    } catch (error) {
      this.#drop("unreadable", 1);
      this.#options.logger.warn({ err: error }, "fast lane: entry refused");
    }
    return [];
  }

  async #run(tenantId: string, executionIds: readonly string[]): Promise<void> {
    const { claimAndRun, logger, metrics } = this.#options;
    this.#count(tenantId, executionIds.length);
    metrics.fastLaneTaken.inc(executionIds.length);
    try {
      await claimAndRun(tenantId, executionIds);
    } catch (error) {
      if (error instanceof EngineStoppingError) return;
      this.#drop("failed", executionIds.length);
      logger.warn({ err: error, tenantId, executions: executionIds.length }, "fast lane: claim failed; events start them");
    } finally {
      this.#count(tenantId, -executionIds.length);
      this.#freed.resolve(undefined);
    }
  }

  #count(tenantId: string, change: number): void {
    this.#inFlight += change;
    const count = (this.#tenants.get(tenantId) ?? 0) + change;
    if (count === 0) this.#tenants.delete(tenantId);
    else this.#tenants.set(tenantId, count);
  }

  #drop(reason: "old" | "backlog" | "unreadable" | "failed", count: number): void {
    this.#options.metrics.fastLaneDropped.inc({ reason }, count);
  }
}

import { readFileSync } from "node:fs";
import type { PollJob } from "@fluxo/contracts/jobs/poll";
import type { Clock } from "@fluxo/core/ports/clock";
import type { RedisClient } from "@fluxo/runtime/redis";

const script = readFileSync(new URL("limits.lua", import.meta.url), "utf8");

/**
 * How many looks may use a host, or belong to a tenant, at one time, over all processes. Places end by themselves after `holdMs`, so a holder that dies
 * gives them back. The limits are politeness, not safety: with Redis flushed a few more looks than allowed may happen once.
 */
export class Limits {
  readonly #redis: RedisClient;
  readonly #clock: Clock;
  readonly #holdMs: number;

  /** @param redis of the role `commands` */
  constructor(redis: RedisClient, clock: Clock, holdMs: number) {
    this.#redis = redis;
    this.#clock = clock;
    this.#holdMs = holdMs;
  }

  /** Takes one place of each limit for `holder`, or none; false when one of them is full. @throws what Redis threw */
  async take(holder: string, limits: PollJob["limits"]): Promise<boolean> {
    if (limits.length === 0) return true;
    const nowMs = this.#clock.now().getTime();
    const taken = await this.#redis.eval(script, limits.length, ...limits.map(({ key }) => keyOf(key)), holder, nowMs, nowMs + this.#holdMs, ...limits.map(({ max }) => max));
    return taken === 1;
  }

  /** Gives the places back. @throws what Redis threw */
  async release(holder: string, limits: PollJob["limits"]): Promise<void> {
    const pipeline = this.#redis.pipeline();
    for (const { key } of limits) pipeline.zrem(keyOf(key), holder);
    await pipeline.exec();
  }
}

function keyOf(limit: string): string {
  return `poll-limit:${limit}`;
}

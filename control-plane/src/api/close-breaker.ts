import { breakerKeyOf, OUTAGE_CHANNEL, type BreakerKey, type OutageMessage } from "@fluxo/contracts/channels/outages";
import type { RedisClient } from "@fluxo/runtime/redis";

/**
 * Closes circuit breakers by hand: forgets their state and tells the workers.
 * @param redis role `commands`
 * @throws (the closer that it returns) what Redis threw; the breaker may be open then
 */
export function breakerCloser(redis: RedisClient, prefix: string): (key: BreakerKey) => Promise<void> {
  return async (key) => {
    const name = breakerKeyOf(key);
    await redis.del(name);
    await redis.publish(`${prefix}:${OUTAGE_CHANNEL}`, JSON.stringify({ version: 1, event: "closed", key: name } satisfies OutageMessage));
  };
}

import type { RedisClient } from "@fluxo/runtime/redis";

const SCAN_COUNT = 1_000;

/**
 * Deletes every key of the installation whose name holds a tenant's id: channels, breakers, counters of limits. Keys of tenants always name them.
 * @param redis role `commands`, whose commands get the prefix by themselves
 * @param prefix the installation's
 * @returns how many keys were deleted
 */
export async function eraseSignals(redis: RedisClient, prefix: string, tenantId: string): Promise<number> {
  let deleted = 0;
  let cursor = "0";
  do {
    // SCAN's pattern gets no prefix from the client, and its answer has the whole names.
    const [next, keys] = await redis.scan(cursor, "MATCH", `${prefix}:*${tenantId}*`, "COUNT", SCAN_COUNT);
    if (keys.length > 0) deleted += await redis.unlink(...keys.map((key) => key.slice(prefix.length + 1)));
    cursor = next;
  } while (cursor !== "0");
  return deleted;
}

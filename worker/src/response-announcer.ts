import { RESPONSE_CHANNEL, type ResponseMessage } from "@fluxo/contracts/channels/response";
import type { Logger } from "@fluxo/runtime/logger";
import type { RedisClient } from "@fluxo/runtime/redis";
import type { Announce } from "./execution/engine.ts";

/**
 * Tells the ingress of executions that have an answer for their caller. Best effort: while Redis is away nothing is told, and who waits looks by itself.
 * @param redis role `commands`
 */
export function responseAnnouncer(redis: RedisClient, prefix: string, logger: Logger): Announce {
  const publish = async (executionId: string): Promise<void> => {
    try {
      await redis.publish(`${prefix}:${RESPONSE_CHANNEL}`, JSON.stringify({ version: 1, executionId } satisfies ResponseMessage));
    } catch (error) {
      logger.warn({ err: error, executionId }, "a response was not announced");
    }
  };
  return (executionIds) => {
    if (redis.status !== "ready") return;
    for (const executionId of executionIds) void publish(executionId);
  };
}

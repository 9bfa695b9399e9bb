import { RESPONSE_CHANNEL, responseMessageSchema } from "@fluxo/contracts/channels/response";
import type { Logger } from "@fluxo/runtime/logger";
import type { RedisClient } from "@fluxo/runtime/redis";

/** Hears which executions have an answer. Redis may lose messages or be away: who waits looks by itself too. @param redis role `blocking` */
export async function listenForResponses(redis: RedisClient, prefix: string, onResponse: (executionId: string) => void, logger: Logger): Promise<void> {
  redis.on("message", (_channel: string, text: string) => {
    try {
      onResponse(responseMessageSchema.parse(JSON.parse(text)).executionId);
    } catch (error) {
      logger.warn({ err: error }, "message on the response channel refused");
    }
  });
  await redis.subscribe(`${prefix}:${RESPONSE_CHANNEL}`);
}

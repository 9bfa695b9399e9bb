import { CANCEL_CHANNEL, cancelMessageSchema } from "@fluxo/contracts/channels/cancel";
import type { Logger } from "@fluxo/runtime/logger";
import type { Redis } from "ioredis";

/** Hears of cancels at once. Redis may lose them: the flag on the row is the truth, and the next heartbeat brings it. */
export async function listenForCancels(redis: Redis, prefix: string, onCancel: (executionId: string) => void, logger: Logger): Promise<void> {
  redis.on("message", (_channel: string, text: string) => {
    try {
      onCancel(cancelMessageSchema.parse(JSON.parse(text)).executionId);
    } catch (error) {
      logger.warn({ err: error }, "message on the cancel channel refused");
    }
  });
  await redis.subscribe(`${prefix}:${CANCEL_CHANNEL}`);
}

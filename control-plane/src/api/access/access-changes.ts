import { ACCESS_CHANNEL, accessChangeSchema, type AccessChange } from "@fluxo/contracts/channels/access";
import type { Logger } from "@fluxo/runtime/logger";
import type { RedisClient } from "@fluxo/runtime/redis";

export interface AccessChangesOptions {
  /** Role `commands`. */
  readonly redis: RedisClient;
  /** Role `blocking`, for this alone. */
  readonly subscriber: RedisClient;
  /** The installation's. */
  readonly prefix: string;
  readonly logger: Logger;
}

/** Tells every process of the admin API, this one included, whose access changed. Redis may lose it: what processes remember ends after a second anyway. */
export class AccessChanges {
  readonly #options: AccessChangesOptions;
  readonly #listeners: ((change: AccessChange) => void)[] = [];

  constructor(options: AccessChangesOptions) {
    this.#options = options;
  }

  /** Called with every change from now on, of this process and of others. */
  onChange(listener: (change: AccessChange) => void): void {
    this.#listeners.push(listener);
  }

  /** Begins to hear what other processes tell. Does not wait for Redis. */
  listen(): void {
    const { subscriber, prefix, logger } = this.#options;
    subscriber.on("message", (_channel: string, text: string) => {
      try {
        this.#apply(accessChangeSchema.parse(JSON.parse(text)));
      } catch (error) {
        logger.warn({ err: error }, "message on the channel of access changes refused");
      }
    });
    // Whatever was told while the connection was away was not heard.
    subscriber.on("ready", () => this.#apply({ version: 1, kind: "everything" }));
    subscriber.subscribe(`${prefix}:${ACCESS_CHANNEL}`).catch((error: unknown) => logger.warn({ err: error }, "changes of access are not heard; they are noticed after a second"));
  }

  /** Tells a change, after it was committed. Never throws. */
  async announce(change: AccessChange): Promise<void> {
    const { redis, prefix, logger } = this.#options;
    this.#apply(change);
    await redis.publish(`${prefix}:${ACCESS_CHANNEL}`, JSON.stringify(change)).catch((error: unknown) => logger.warn({ err: error }, "a change of access was not published; other processes notice it after a second"));
  }

  #apply(change: AccessChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

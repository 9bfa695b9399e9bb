import { nodeStatusWakeChannel } from "@fluxo/contracts/channels/node-status";
import type { Logger } from "@fluxo/runtime/logger";
import type { RedisClient } from "@fluxo/runtime/redis";

/** Told that a stream has new entries; or, with `isLost`, that the connection was away and anything may have happened. Neither throws nor waits. */
export type Wake = (isLost: boolean) => void;

/**
 * Wakes the readers of streams: one subscribed connection for all readers of the process, whatever their number. It carries no content; readers fetch
 * what they can take. Messages may be lost, so readers look by themselves as well.
 */
export class WakeHub {
  readonly #redis: RedisClient;
  readonly #prefix: string;
  readonly #logger: Logger;
  readonly #readers = new Map<string, Set<Wake>>();
  #wasReady = false;

  /** @param redis role `blocking`, this hub's own @param prefix the installation's */
  constructor(redis: RedisClient, prefix: string, logger: Logger) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#logger = logger;
    redis.on("message", (channel: string) => {
      for (const wake of this.#readers.get(channel) ?? []) wake(false);
    });
    redis.on("ready", () => {
      if (this.#wasReady) for (const wakes of this.#readers.values()) for (const wake of wakes) wake(true);
      this.#wasReady = true;
    });
  }

  /** Wakes from now on, until the returned function is called. */
  join({ tenantId, executionId }: { readonly tenantId: string; readonly executionId: string }, wake: Wake): () => void {
    const channel = `${this.#prefix}:${nodeStatusWakeChannel(tenantId, executionId)}`;
    const readers = this.#readers.get(channel) ?? new Set();
    readers.add(wake);
    if (!this.#readers.has(channel)) {
      this.#readers.set(channel, readers);
      // What was published before the subscription held is told by a wake at its end.
      this.#send(this.#redis.subscribe(channel).then(() => {
        for (const waiting of readers) waiting(false);
      }));
    }
    return () => {
      if (!readers.delete(wake) || readers.size > 0) return;
      this.#readers.delete(channel);
      this.#send(this.#redis.unsubscribe(channel));
    };
  }

  #send(command: Promise<unknown>): void {
    command.catch((error: unknown) => this.#logger.debug({ err: error }, "a subscription to the changes of an execution failed; its readers look by themselves"));
  }
}

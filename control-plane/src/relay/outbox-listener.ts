import type { Clock, Random } from "@fluxo/core/ports/clock";
import type { Logger } from "@fluxo/runtime/logger";
import type { SystemDb } from "./relay.ts";

export interface OutboxListenerOptions {
  /** A pool of its own with one connection, which is held for good. */
  readonly db: SystemDb;
  /** Called for each notification and after each (re)connect, because notifications in between are lost. */
  readonly onWake: () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const RECONNECT_MS = { first: 100, last: 5_000 } as const;

/** Hears what transactions tell on the channel `fluxo_outbox`, and connects again by itself. The relay's poll covers the time in between. */
export class OutboxListener {
  readonly #options: OutboxListenerOptions;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: OutboxListenerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop ??= this.#work();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #work(): Promise<void> {
    const { clock, logger, random } = this.#options;
    const { signal } = this.#stopping;
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        await this.#listen(() => (failures = 0));
        if (!signal.aborted) logger.warn("the connection that listens for the outbox was lost");
      } catch (error) {
        logger.warn({ err: error }, "cannot listen for the outbox; trying again");
      }
      const full = Math.min(RECONNECT_MS.first * 2 ** Math.min(failures, 10), RECONNECT_MS.last);
      await clock.sleep(full / 2 + (full / 2) * random(), signal).catch(() => undefined);
    }
  }

  /** Listens until the connection breaks or the stop comes. */
  async #listen(onConnected: () => void): Promise<void> {
    const { db, onWake } = this.#options;
    const { signal } = this.#stopping;
    const client = await db.connect();
    const ended = Promise.withResolvers<undefined>();
    const end = (): void => ended.resolve(undefined);
    client.on("notification", onWake);
    client.on("error", end);
    client.on("end", end);
    signal.addEventListener("abort", end, { once: true });
    try {
      await client.query("LISTEN fluxo_outbox");
      onConnected();
      onWake();
      if (!signal.aborted) await ended.promise;
    } finally {
      signal.removeEventListener("abort", end);
      client.release(true);
    }
  }
}

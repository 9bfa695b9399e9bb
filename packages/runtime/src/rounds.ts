import type { Clock } from "@fluxo/core/ports/clock";
import type { Logger } from "./logger.ts";

export interface RoundsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** What is done again and again. @returns how long to rest before the next round, in milliseconds; 0: at once */
  readonly round: () => Promise<number>;
  /** What the log says of a round that failed. */
  readonly failure: string;
  /** The rest after a round that failed, in milliseconds. */
  readonly failedRestMs: number;
}

/** Work in the background of a process, round after round until it is stopped. A round that fails is told in the log, and the next one comes all the same. */
export class Rounds {
  readonly #options: RoundsOptions;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  /** Aborts when the stop is asked for. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  start(): void {
    this.#loop ??= this.#work();
  }

  /** Resolves when the round that runs is finished. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #work(): Promise<void> {
    const { clock, logger, round, failure, failedRestMs } = this.#options;
    while (!this.signal.aborted) {
      const restMs = await round().catch((error: unknown) => {
        logger.error({ err: error }, failure);
        return failedRestMs;
      });
      if (restMs > 0) await clock.sleep(restMs, this.signal).catch(() => undefined);
    }
  }
}

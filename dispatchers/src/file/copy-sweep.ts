import type { Clock } from "@fluxo/core/ports/clock";
import { sweepFileCopies } from "@fluxo/prisma/files/file-copies";
import type { Logger } from "@fluxo/runtime/logger";
import type pg from "pg";

export interface CopySweepOptions {
  /** Connections of fluxo_system. */
  readonly system: pg.Pool;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Much longer than a copy takes. One that is swept all the same is made again: the commit that names it fails. */
export const COPY_AGE_MS_MAX = 7_200_000;
const INTERVAL_MS = 600_000;
/** Copies of one sweep: their parts go with them. */
const LIMIT = 20;

/** Throws away copies that nobody told: of dispatchers that crashed or lost their lease, and of changes that made no execution. Every dispatcher of files does so. */
export class CopySweep {
  readonly #options: CopySweepOptions;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: CopySweepOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop ??= this.#work();
  }

  /** Resolves when the sweep that runs is finished. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #work(): Promise<void> {
    const { system, clock, logger } = this.#options;
    while (!this.#stopping.signal.aborted) {
      const gone = await sweepFileCopies(system, COPY_AGE_MS_MAX, LIMIT).catch((error: unknown) => {
        logger.error({ err: error }, "copies of watched files could not be swept");
        return 0;
      });
      if (gone < LIMIT) await clock.sleep(INTERVAL_MS, this.#stopping.signal).catch(() => undefined);
    }
  }
}

import type { Clock } from "@fluxo/core/ports/clock";
import { sweepFileCopies } from "@fluxo/prisma/files/file-copies";
import type { Logger } from "@fluxo/runtime/logger";
import { Rounds } from "@fluxo/runtime/rounds";
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
export function createCopySweep({ system, clock, logger }: CopySweepOptions): Rounds {
  const round = async (): Promise<number> => ((await sweepFileCopies(system, COPY_AGE_MS_MAX, LIMIT)) < LIMIT ? INTERVAL_MS : 0);
  return new Rounds({ clock, logger, round, failure: "copies of watched files could not be swept", failedRestMs: INTERVAL_MS });
}

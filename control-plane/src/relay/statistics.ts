import type { Clock } from "@fluxo/core/ports/clock";
import { lookAtNewTables } from "@fluxo/prisma/database/statistics";
import type { Logger } from "@fluxo/runtime/logger";
import { Rounds } from "@fluxo/runtime/rounds";
import type { SystemDb } from "./relay.ts";

const INTERVAL_MS = 2_000;

/** Keeps PostgreSQL's plans right in the first minutes of an installation, before autovacuum comes. Several relays do no harm. */
export function createStatisticsKeeper({ db, clock, logger }: { readonly db: SystemDb; readonly clock: Clock; readonly logger: Logger }): Rounds {
  const round = async (): Promise<number> => {
    const tables = await lookAtNewTables(db);
    if (tables.length > 0) logger.debug({ tables }, "new tables were looked at");
    return INTERVAL_MS;
  };
  return new Rounds({ clock, logger, round, failure: "new tables could not be looked at; autovacuum does it later", failedRestMs: INTERVAL_MS });
}

import type { Clock } from "@fluxo/core/ports/clock";
import type { Logger } from "@fluxo/runtime/logger";
import { Rounds } from "@fluxo/runtime/rounds";
import type { EventApi } from "./event-api.ts";

const INTERVAL_MS = 10_000;

/**
 * Says in the log when Inngest stops or begins to answer. It never makes the relay unready: a relay that waits for Inngest does its work, and taking it out
 * of service would help nobody.
 */
export function createInngestMonitor(eventApi: EventApi, clock: Clock, logger: Logger): Rounds {
  let isAway = false;
  const round = async (): Promise<number> => {
    try {
      await eventApi.ping();
      if (isAway) logger.info("inngest answers again");
      isAway = false;
    } catch (error) {
      if (!isAway) logger.warn({ err: error }, "inngest does not answer; events wait in the outbox");
      isAway = true;
    }
    return INTERVAL_MS;
  };
  return new Rounds({ clock, logger, round, failure: "inngest could not be asked", failedRestMs: INTERVAL_MS });
}

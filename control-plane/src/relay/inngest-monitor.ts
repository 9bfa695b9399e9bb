import type { Clock } from "@fluxo/core/ports/clock";
import type { Logger } from "@fluxo/runtime/logger";
import type { EventApi } from "./event-api.ts";

const INTERVAL_MS = 10_000;

/**
 * Says in the log when Inngest stops or begins to answer, until `signal` aborts. It never makes the relay unready: a relay that waits for Inngest
 * does its work, and taking it out of service would help nobody.
 */
export async function monitorInngest(eventApi: EventApi, clock: Clock, logger: Logger, signal: AbortSignal): Promise<void> {
  let isAway = false;
  while (!signal.aborted) {
    try {
      await eventApi.ping();
      if (isAway) logger.info("inngest answers again");
      isAway = false;
    } catch (error) {
      if (!isAway) logger.warn({ err: error }, "inngest does not answer; events wait in the outbox");
      isAway = true;
    }
    await clock.sleep(INTERVAL_MS, signal).catch(() => undefined);
  }
}

import type { Clock } from "@fluxo/core/ports/clock";
import { countParkedOperations, OPERATION_KINDS } from "@fluxo/prisma/operations/turns";
import { readQuotaTotals } from "@fluxo/prisma/relay/quota-totals";
import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";
import { Rounds } from "@fluxo/runtime/rounds";
import type { SystemDb } from "./relay.ts";

const INTERVAL_MS = 15_000;

/** Exports what SQL says of quotas and of operations in the background, again and again. A look that fails leaves the last figures. */
export function createTotals({ db, clock, logger, metrics }: { readonly db: SystemDb; readonly clock: Clock; readonly logger: Logger; readonly metrics: Metrics }): Rounds {
  const round = async (): Promise<number> => {
    await setTotals(db, metrics);
    return INTERVAL_MS;
  };
  return new Rounds({ clock, logger, round, failure: "totals of quotas and operations could not be read", failedRestMs: INTERVAL_MS });
}

/** Sets the gauges. Labels that nothing is counted for any more go. */
async function setTotals(db: SystemDb, metrics: Metrics): Promise<void> {
  const { parked, alerts } = await readQuotaTotals(db);
  metrics.executionsParked.set(parked);
  metrics.quotaAlerts.reset();
  for (const { metric, percent, count } of alerts) metrics.quotaAlerts.set({ metric, percent: String(percent) }, count);
  for (const kind of OPERATION_KINDS) metrics.operationsParked.set({ kind }, await countParkedOperations(db, kind));
}

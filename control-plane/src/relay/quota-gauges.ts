import type { Clock } from "@fluxo/core/ports/clock";
import { readQuotaTotals, type QuotaTotals } from "@fluxo/prisma/relay/quota-totals";
import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";
import type { SystemDb } from "./relay.ts";

const INTERVAL_MS = 15_000;

/** Sets the gauges to what SQL says. Labels that nothing is counted for any more go. */
export function setQuotaGauges(metrics: Pick<Metrics, "executionsParked" | "quotaAlerts">, { parked, alerts }: QuotaTotals): void {
  metrics.executionsParked.set(parked);
  metrics.quotaAlerts.reset();
  for (const { metric, percent, count } of alerts) metrics.quotaAlerts.set({ metric, percent: String(percent) }, count);
}

/** Exports what SQL says of quotas, again and again until `signal` aborts. A look that fails leaves the last figures. */
export async function exportQuotaTotals({ db, clock, logger, metrics }: { readonly db: SystemDb; readonly clock: Clock; readonly logger: Logger; readonly metrics: Metrics }, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      setQuotaGauges(metrics, await readQuotaTotals(db));
    } catch (error) {
      logger.error({ err: error }, "totals of quotas could not be read");
    }
    await clock.sleep(INTERVAL_MS, signal).catch(() => undefined);
  }
}

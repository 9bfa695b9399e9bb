import type { Clock } from "@fluxo/core/ports/clock";
import { storeFailureOf } from "./store-failure.ts";

/** What fails later than this is not tried again: the caller has waited long enough. */
const RETRY_WITHIN_MS = 1_000;
/** Long enough for a pool to notice that its other connections are broken too. */
const RETRY_AFTER_MS = 50;

/**
 * Runs a statement, and once more when PostgreSQL did not answer or the connection broke. Only for statements that may take effect twice.
 * @param onRetry told of the first failure
 */
export async function retryOnce<R>(work: () => Promise<R>, clock: Clock, onRetry: (error: unknown) => void): Promise<R> {
  const startedAt = performance.now();
  try {
    return await work();
  } catch (error) {
    if (storeFailureOf(error) !== "unavailable" || performance.now() - startedAt > RETRY_WITHIN_MS) throw error;
    onRetry(error);
    await clock.sleep(RETRY_AFTER_MS);
    return work();
  }
}

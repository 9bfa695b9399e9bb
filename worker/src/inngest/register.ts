import type { Clock } from "@fluxo/core/ports/clock";
import type { Logger } from "@fluxo/runtime/logger";

/**
 * Tells the Inngest server which functions are served at `serveUrl`, and again until it listens. The server asks by itself too; this makes a worker
 * known within the second of its start. Ends without an error when the signal aborts.
 */
export async function registerFunctions(serveUrl: string, clock: Clock, logger: Logger, signal: AbortSignal): Promise<void> {
  for (let delayMs = 250; !signal.aborted; delayMs = Math.min(5_000, delayMs * 2)) {
    try {
      const response = await fetch(serveUrl, { method: "PUT", signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]) });
      const text = await response.text();
      if (response.ok) {
        logger.info({ serveUrl }, "functions registered");
        return;
      }
      logger.warn({ serveUrl, status: response.status, answer: text.slice(0, 300) }, "functions not registered yet");
    } catch (error) {
      if (signal.aborted) return;
      logger.warn({ err: error, serveUrl }, "functions not registered yet");
    }
    await clock.sleep(delayMs, signal).catch(() => undefined);
  }
}

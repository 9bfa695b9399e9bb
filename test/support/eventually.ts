import { setTimeout as sleep } from "node:timers/promises";

/** For what happens in milliseconds on an idle machine, and must not fail a test on a busy one. */
export const PATIENCE_MS = 60_000;

const FIRST_MS = 20;
const LAST_MS = 250;

/** Tries `probe` again and again until it does not throw, and returns what it gave. @throws its last error when `timeoutMs` are over */
export async function eventually<T>(probe: () => Promise<T> | T, timeoutMs = PATIENCE_MS): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (let delayMs = FIRST_MS; ; delayMs = Math.min(LAST_MS, delayMs * 1.5)) {
    try {
      return await probe();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await sleep(delayMs);
  }
}

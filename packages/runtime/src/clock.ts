import type { Clock } from "@fluxo/core/ports/clock";

/** Node's timers hold at most a signed 32-bit number of milliseconds; longer sleeps are cut into pieces. */
const MAX_TIMER_MS = 2_147_483_647;

/**
 * The clock of the machine. A sleep keeps the process alive, because somebody awaits it; whoever sleeps in the background passes a signal
 * and aborts it at shutdown.
 */
export const systemClock: Clock = {
  now: () => new Date(),
  sleep: async (ms, signal) => {
    assertDuration(ms);
    for (let left = Math.max(0, ms); ; left -= MAX_TIMER_MS) {
      await sleepOnce(Math.min(left, MAX_TIMER_MS), signal);
      if (left <= MAX_TIMER_MS) return;
    }
  },
};

function sleepOnce(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** Refuses what is no duration: a NaN would fire at once and turn a wait into a busy loop. @throws RangeError */
export function assertDuration(ms: number): void {
  if (!Number.isFinite(ms)) throw new RangeError("A sleep needs a finite number of milliseconds.");
}

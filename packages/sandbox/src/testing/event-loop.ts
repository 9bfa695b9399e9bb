import { setTimeout } from "node:timers/promises";

/** CPU time that this thread has used, in milliseconds. */
export function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

/**
 * For how long the event loop was held up at most while `work` ran, in milliseconds of this thread's CPU time: what other processes take of the machine
 * meanwhile is not its doing, and does not count.
 */
export async function longestHoldUpMs(work: () => Promise<unknown>): Promise<number> {
  const over = new AbortController();
  const watch = async (): Promise<number> => {
    let longestMs = 0;
    for (let beforeMs = threadCpuMs(); !over.signal.aborted; beforeMs = threadCpuMs()) {
      await setTimeout(1);
      longestMs = Math.max(longestMs, threadCpuMs() - beforeMs);
    }
    return longestMs;
  };
  const watching = watch();
  await work().finally(() => over.abort());
  return watching;
}

import { readFile } from "node:fs/promises";

const EVERY_MS = 100;
/** Linux counts resident memory in pages of this size on the machines that Fluxo supports. */
const PAGE_BYTES = 4_096;

/**
 * Looks at the resident memory of a process until `signal` aborts, and tells once when it exceeds the limit. A child's memory is bounded from inside by
 * V8 and WebAssembly; this is for what would have broken out of both. Does nothing where there is no /proc.
 */
export async function watchMemory(pid: number, bytesMax: number, clock: { sleep(ms: number, signal?: AbortSignal): Promise<void> }, signal: AbortSignal, onExceeded: () => void): Promise<void> {
  try {
    for (;;) {
      await clock.sleep(EVERY_MS, signal);
      const [, resident] = (await readFile(`/proc/${pid}/statm`, "ascii")).split(" ");
      if (Number(resident) * PAGE_BYTES > bytesMax) {
        if (!signal.aborted) onExceeded();
        return;
      }
    }
  } catch {
    // The job has ended, or there is nothing to look at.
  }
}

import { setTimeout } from "node:timers/promises";
import { SandboxPool } from "@fluxo/sandbox/pool";

/** The sandbox itself: processes that start with the first code and end with this one. They take real time. */
export const testSandbox = new SandboxPool({
  processes: 2,
  memoryBytesMax: 64 * 1024 * 1024,
  clock: { now: () => new Date(), sleep: (ms, signal) => setTimeout(ms, undefined, { signal }) },
});

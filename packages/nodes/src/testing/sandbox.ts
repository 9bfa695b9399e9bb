import { setTimeout } from "node:timers/promises";
import type { SandboxPort } from "@fluxo/core/ports/sandbox";
import { SandboxPool } from "@fluxo/sandbox/pool";
import { codeTimeoutSchema } from "../code/definition.ts";

const DEFAULT_TIMEOUT_MS = codeTimeoutSchema.parse(undefined);
/** What code that says nothing about its time gets here: the default is none on a busy machine. */
const PATIENCE_MS = 60_000;

const pool = new SandboxPool({
  processes: 2,
  memoryBytesMax: 64 * 1024 * 1024,
  clock: { now: () => new Date(), sleep: (ms, signal) => setTimeout(ms, undefined, { signal }) },
});

/** The sandbox itself: processes that start with the first code and end with this one. They take real time. */
export const testSandbox: SandboxPort = {
  run: (job) => pool.run(job.timeoutMs === DEFAULT_TIMEOUT_MS ? { ...job, timeoutMs: PATIENCE_MS } : job),
};

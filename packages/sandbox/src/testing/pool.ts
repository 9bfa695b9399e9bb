import { setTimeout } from "node:timers/promises";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { Clock } from "@fluxo/core/ports/clock";
import type { SandboxJob } from "@fluxo/core/ports/sandbox";
import { SandboxPool, type SandboxPoolOptions } from "../pool.ts";

/** Processes take real time, so their tests do too. */
const realClock: Clock = { now: () => new Date(), sleep: (ms, signal) => setTimeout(ms, undefined, { signal }) };

export function createPool(options: Partial<SandboxPoolOptions> = {}): SandboxPool {
  return new SandboxPool({ processes: 2, memoryBytesMax: 64 * 1024 * 1024, clock: realClock, ...options });
}

/** JavaScript with time enough on a busy machine; the parts that a test cares about replaced. */
export function jobOf(source: string, parts: Partial<SandboxJob> = {}): SandboxJob {
  return { tenantId: "tenant-1", language: "javascript", source, input: null, timeoutMs: 60_000, memoryBytesMax: 64 * 1024 * 1024, outputBytesMax: 1024 * 1024, ...parts };
}

/** How a job ended: its output, or the code of its error. @throws what is no NodeError */
export async function outcomeOf(pool: SandboxPool, job: SandboxJob): Promise<{ readonly output: unknown } | { readonly code: string; readonly errorClass: string; readonly message: string }> {
  try {
    return { output: (await pool.run(job)).output };
  } catch (error) {
    if (!(error instanceof NodeError)) throw error;
    return { code: error.code, errorClass: error.errorClass, message: error.message };
  }
}

import { SandboxPool } from "@fluxo/sandbox/pool";
import { systemClock } from "@fluxo/runtime/clock";
import type { WorkerConfig } from "../config.ts";

const MEBIBYTE = 1024 * 1024;

/** Where tenants' code runs. Nothing is started before the first piece of code comes. */
export function createSandbox(config: Pick<WorkerConfig, "FLUXO_SANDBOX_PROCESSES" | "FLUXO_SANDBOX_MEMORY_MIB">): SandboxPool {
  return new SandboxPool({ processes: config.FLUXO_SANDBOX_PROCESSES, memoryBytesMax: config.FLUXO_SANDBOX_MEMORY_MIB * MEBIBYTE, clock: systemClock });
}

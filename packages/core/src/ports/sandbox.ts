import type { Json } from "../json.ts";

/** A piece of tenant's code with all that it may see. */
export interface SandboxJob {
  readonly tenantId: string;
  readonly language: "javascript" | "jsonata";
  readonly source: string;
  readonly input: Json;
  readonly timeoutMs: number;
  readonly memoryBytesMax: number;
  readonly outputBytesMax: number;
  readonly signal?: AbortSignal;
}

export interface SandboxResult {
  readonly output: Json;
  /** What the code printed, oldest first, cut. */
  readonly logs: readonly string[];
}

/**
 * Runs tenants' code where it can reach nothing: another process, without network, files, environment or credentials, ended from outside when it
 * takes too long or too much.
 * @throws NodeError CODE_FAILED, CODE_TIMEOUT, CODE_MEMORY_EXCEEDED, OUTPUT_TOO_LARGE (all DATA); the reason of `signal`.
 */
export interface SandboxPort {
  run(job: SandboxJob): Promise<SandboxResult>;
}

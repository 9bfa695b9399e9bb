import type { NodeUsage } from "../node/usage.ts";
import type { ErrorCode } from "./codes.ts";

/**
 * What kind of failure it is, and so whether another attempt can help.
 * Retried: RATE_LIMIT, CONNECTION, TIMEOUT, SERVER. Not retried: DATA, CREDENTIAL, REFUSED (a rule of ours), INTERNAL (our bug).
 */
export const ERROR_CLASSES = ["RATE_LIMIT", "CONNECTION", "TIMEOUT", "SERVER", "DATA", "CREDENTIAL", "REFUSED", "INTERNAL"] as const;
export type ErrorClass = (typeof ERROR_CLASSES)[number];

export interface NodeErrorOptions {
  readonly errorClass: ErrorClass;
  readonly code: ErrorCode;
  /** How long the provider asked to wait, in milliseconds. */
  readonly retryAfterMs?: number;
  /** Certain that the attempt did nothing outside, so that even what must not be repeated may be tried again. */
  readonly nothingDone?: boolean;
  /** What a model used although its answer is of no use. */
  readonly usage?: NodeUsage;
  readonly cause?: unknown;
}

/** The failure of one attempt of a node, thrown by executors and by the adapters they call. Its message may be shown to the tenant. */
export class NodeError extends Error {
  override readonly name = "NodeError";
  readonly errorClass: ErrorClass;
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;
  readonly nothingDone: boolean;
  readonly usage: NodeUsage | undefined;

  constructor(message: string, options: NodeErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.errorClass = options.errorClass;
    this.code = options.code;
    this.retryAfterMs = options.retryAfterMs;
    this.nothingDone = options.nothingDone ?? false;
    this.usage = options.usage;
  }
}

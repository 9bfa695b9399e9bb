import type { ErrorClass, NodeError } from "../errors/node-error.ts";
import type { RetrySettings } from "../graph/graph.ts";
import type { RetryClass } from "../node/definition.ts";
import type { Random } from "../ports/clock.ts";

/** When and how often a node is tried again. */
export interface RetryPolicy {
  /** Attempts in all, the first one counted; 1 for a node that is never retried. */
  readonly maxAttempts: number;
  /** Upper bound of the first delay; it doubles with each attempt up to `maxDelayMs`. */
  readonly initialDelayMs: number;
  readonly maxDelayMs: number;
}

/** What follows after a failed attempt. `NOT_RETRYABLE`: another attempt cannot help; `ATTEMPTS_EXHAUSTED`: the policy's attempts are used up. */
export type RetryDecision =
  | { readonly kind: "retry"; readonly delayMs: number }
  | { readonly kind: "giveUp"; readonly reason: "NOT_RETRYABLE" | "ATTEMPTS_EXHAUSTED" };

/** The longest wait that a provider can ask for. */
export const MAX_RETRY_AFTER_MS = 86_400_000;

const DEFAULTS = { maxAttempts: 4, initialDelayMs: 1_000, maxDelayMs: 60_000 } as const satisfies RetryPolicy;

const IS_RETRYABLE: Readonly<Record<ErrorClass, boolean>> = {
  RATE_LIMIT: true,
  CONNECTION: true,
  TIMEOUT: true,
  SERVER: true,
  DATA: false,
  CREDENTIAL: false,
  REFUSED: false,
  INTERNAL: false,
};

/** From here on doubling changes nothing: the first delay times 2^30 exceeds the longest delay that settings allow. */
const MAX_DOUBLINGS = 30;

/** The policy of a node: the saved settings over the defaults. A node type of the class `never` is tried once, whatever the settings say. */
export function retryPolicyFor(retryClass: RetryClass, settings: RetrySettings = {}): RetryPolicy {
  return {
    maxAttempts: retryClass === "never" ? 1 : (settings.maxAttempts ?? DEFAULTS.maxAttempts),
    initialDelayMs: settings.initialDelayMs ?? DEFAULTS.initialDelayMs,
    maxDelayMs: settings.maxDelayMs ?? DEFAULTS.maxDelayMs,
  };
}

/**
 * What to do after attempt number `attempt` (from 1) failed. The delay is exponential with full jitter: a random share of
 * min(maxDelayMs, initialDelayMs × 2^(attempt − 1)). When the provider asked to wait, the same share is added to what it asked for (at most a day).
 */
export function nextAttempt(policy: RetryPolicy, attempt: number, error: Pick<NodeError, "errorClass" | "retryAfterMs">, random: Random): RetryDecision {
  if (!IS_RETRYABLE[error.errorClass]) {
    return { kind: "giveUp", reason: "NOT_RETRYABLE" };
  }
  if (attempt >= policy.maxAttempts) {
    return { kind: "giveUp", reason: "ATTEMPTS_EXHAUSTED" };
  }
  const ceilingMs = Math.min(policy.maxDelayMs, policy.initialDelayMs * 2 ** Math.min(attempt - 1, MAX_DOUBLINGS));
  const askedMs = Math.min(MAX_RETRY_AFTER_MS, Math.max(0, error.retryAfterMs ?? 0));
  return { kind: "retry", delayMs: Math.ceil(askedMs) + Math.floor(random() * (ceilingMs + 1)) };
}

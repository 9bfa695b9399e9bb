/** When a request is sent again by itself. */
export interface RetryPolicy {
  /** Sends in all; 1 for none but the first. */
  readonly attemptsMax: number;
  /** Before the second send; doubled before each further one. */
  readonly delayMs: number;
  /** Longest wait, also when Fluxo asks for a longer one: then the refusal is told to the caller. */
  readonly delayMaxMs: number;
}

export const DEFAULT_RETRY: RetryPolicy = { attemptsMax: 4, delayMs: 250, delayMaxMs: 30_000 };

/** Answers that ask to come again: nothing was done, or a repeat finds what was. */
const AGAIN: ReadonlySet<number> = new Set([429, 502, 503, 504]);

export function asksAgain(status: number): boolean {
  return AGAIN.has(status);
}

/**
 * How long to wait before the next send: as long as Fluxo asks, else twice as long as before, shortened at random by up to a half so that callers that
 * failed together do not come together again.
 * @param attempt how many sends there were
 * @param random in [0, 1)
 * @returns undefined when it is not to be sent again
 */
export function waitBefore(policy: RetryPolicy, attempt: number, retryAfterMs: number | undefined, random: number): number | undefined {
  if (attempt >= policy.attemptsMax) return undefined;
  if (retryAfterMs !== undefined) return retryAfterMs > policy.delayMaxMs ? undefined : retryAfterMs;
  return Math.min(policy.delayMaxMs, policy.delayMs * 2 ** (attempt - 1)) * (1 - random / 2);
}

/** What a `Retry-After` header asks for; undefined where it asks nothing that can be read. @param nowMs since the epoch */
export function retryAfterOf(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header.trim()) * 1_000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

import { RequestError } from "@fluxo/core/errors/request-error";
import { WINDOW_SECONDS } from "./minute-counter.ts";

/** How a caller stands with one limit. */
export interface LimitState {
  /** Whose limit: a word for callers. */
  readonly policy: "key" | "tenant";
  readonly perMinute: number;
  readonly remaining: number;
  readonly resetMs: number;
}

/**
 * The response fields that tell of limits: `RateLimit-Policy` and `RateLimit` as in draft-ietf-httpapi-ratelimit-headers-11, and of the limit that ends
 * first `RateLimit-Limit`, `-Remaining` and `-Reset` as in its versions up to 06, which many clients read.
 */
export function rateLimitFields(states: readonly LimitState[]): Readonly<Record<string, string>> {
  const [tightest] = states.toSorted((left, right) => left.remaining - right.remaining);
  if (tightest === undefined) return {};
  return {
    "RateLimit-Policy": states.map(({ policy, perMinute }) => `"${policy}";q=${perMinute};w=${WINDOW_SECONDS}`).join(", "),
    RateLimit: states.map((state) => `"${state.policy}";r=${state.remaining};t=${secondsOf(state)}`).join(", "),
    "RateLimit-Limit": String(tightest.perMinute),
    "RateLimit-Remaining": String(tightest.remaining),
    "RateLimit-Reset": String(secondsOf(tightest)),
  };
}

/** Whole seconds, rounded up: who waits so long is served. */
function secondsOf({ resetMs }: Pick<LimitState, "resetMs">): number {
  return Math.max(1, Math.ceil(resetMs / 1_000));
}

/** The refusal of a request over a limit, with the fields that tell of it. */
export class RateLimitedError extends RequestError {
  readonly fields: Readonly<Record<string, string>>;

  constructor(detail: string, states: readonly LimitState[], exceeded: LimitState) {
    super("RATE_LIMITED", { detail, retryAfterSeconds: secondsOf(exceeded) });
    this.fields = rateLimitFields(states);
  }
}

import type { ErrorCode } from "../errors/codes.ts";
import type { ErrorClass } from "../errors/node-error.ts";

/** When a circuit breaker opens, and how long it stays open. Times in milliseconds. */
export interface BreakerRules {
  /** How far back calls count. */
  readonly windowMs: number;
  /** Calls are counted in buckets of this length. */
  readonly bucketMs: number;
  /** Failures in the window from which it may open … */
  readonly failuresMin: number;
  /** … if they are at least this share of the calls. */
  readonly failureShare: number;
  /** Refusals of a credential in a row at which it opens whatever the share is. */
  readonly rejectionsMax: number;
  /** Refusals further apart are not in a row. */
  readonly rejectionGapMs: number;
  /** How long it stays open before the first probe; twice as long after each that fails. */
  readonly firstWaitMs: number;
  readonly maxWaitMs: number;
}

export const BREAKER_RULES: BreakerRules = {
  windowMs: 60_000,
  bucketMs: 10_000,
  failuresMin: 5,
  failureShare: 0.5,
  rejectionsMax: 3,
  rejectionGapMs: 600_000,
  firstWaitMs: 30_000,
  maxWaitMs: 900_000,
};

/** Calls that ended in one slot of time; `slot` is the instant divided by the bucket's length. */
export interface Bucket {
  readonly slot: number;
  readonly successes: number;
  readonly failures: number;
}

/** Calls are made. */
export interface ClosedBreaker {
  readonly kind: "closed";
  readonly buckets: readonly Bucket[];
  /** Refusals of the credential in a row, and when the last one was. */
  readonly rejections: number;
  readonly rejectedMs: number;
}

/** No calls are made but a probe from `probeAtMs` on, one at a time: a breaker with a probe is what others call half-open. */
export interface OpenBreaker {
  readonly kind: "open";
  /** Names the outage from its opening to its closing. */
  readonly outageId: string;
  readonly openedMs: number;
  /** Probes that failed. */
  readonly probesFailed: number;
  readonly probeAtMs: number;
  /** The last failure. */
  readonly errorClass: ErrorClass;
  readonly code: ErrorCode;
  /** The probe that is on its way. After `untilMs` it is given up, and another may be made. */
  readonly probe: { readonly token: string; readonly untilMs: number } | null;
}

export type BreakerState = ClosedBreaker | OpenBreaker;

/** What is known of something that was never seen to fail. */
export const CLOSED: ClosedBreaker = { kind: "closed", buckets: [], rejections: 0, rejectedMs: 0 };

/** A call that failed. */
export interface BreakerFailure {
  readonly errorClass: ErrorClass;
  readonly code: ErrorCode;
  readonly retryAfterMs?: number | undefined;
}

/** Successes that were counted elsewhere since the last failure that was told. */
export interface Successes {
  readonly buckets: readonly Bucket[];
  /** 0 for none. */
  readonly lastMs: number;
}

/** What a call says about the one who was called: nothing when it was not reached, or the fault is ours. */
export type Verdict = "healthy" | "failing" | "unknown";

const IS_OUTAGE: Readonly<Record<ErrorClass, boolean>> = {
  CONNECTION: true,
  TIMEOUT: true,
  SERVER: true,
  RATE_LIMIT: true,
  CREDENTIAL: true,
  DATA: false,
  REFUSED: false,
  INTERNAL: false,
};

/** Judges a failed call. A refused request was answered; so was one without a credential that was refused for the lack of it. */
export function verdictOf({ errorClass, code }: BreakerFailure, hasCredential: boolean): Verdict {
  if (errorClass === "CREDENTIAL" && !hasCredential) return "healthy";
  if (IS_OUTAGE[errorClass]) return "failing";
  return code === "PROVIDER_REJECTED" ? "healthy" : "unknown";
}

/** The state after a call failed that was no probe. An open breaker stays as it is. @param outageId names the outage if it opens now */
export function afterFailure(state: BreakerState, failure: BreakerFailure, successes: Successes, nowMs: number, outageId: string, rules: BreakerRules = BREAKER_RULES): BreakerState {
  if (state.kind === "open") return state;
  const own: Bucket = { slot: Math.floor(nowMs / rules.bucketMs), successes: 0, failures: 1 };
  const buckets = recentBuckets([...state.buckets, ...successes.buckets, own], nowMs, rules);
  const isInRow = successes.lastMs <= state.rejectedMs && nowMs - state.rejectedMs <= rules.rejectionGapMs;
  const before = isInRow ? state.rejections : 0;
  const isRejection = failure.errorClass === "CREDENTIAL";
  const rejections = isRejection ? before + 1 : before;
  const failures = sum(buckets.map((bucket) => bucket.failures));
  const calls = failures + sum(buckets.map((bucket) => bucket.successes));
  const isTripped = rejections >= rules.rejectionsMax || (failures >= rules.failuresMin && failures >= calls * rules.failureShare);
  if (!isTripped) return { kind: "closed", buckets, rejections, rejectedMs: isRejection ? nowMs : state.rejectedMs };
  const { errorClass, code } = failure;
  return { kind: "open", outageId, openedMs: nowMs, probesFailed: 0, probeAtMs: nowMs + waitMs(0, failure, rules), errorClass, code, probe: null };
}

/** Whether a call may be made. `token`: it is the probe and is ended by `afterProbe`. `retryAtMs`: when to ask again. */
export type Permit = { readonly kind: "pass"; readonly token: string | null } | { readonly kind: "refused"; readonly open: OpenBreaker; readonly retryAtMs: number };

/** Asks for a call. @param probe the token and the longest duration that a probe by the caller would have */
export function askPermit(state: BreakerState, probe: { readonly token: string; readonly leaseMs: number }, nowMs: number): { readonly state: BreakerState; readonly permit: Permit } {
  if (state.kind === "closed") return { state, permit: { kind: "pass", token: null } };
  if (nowMs < state.probeAtMs) return { state, permit: { kind: "refused", open: state, retryAtMs: state.probeAtMs } };
  if (state.probe !== null && nowMs < state.probe.untilMs) return { state, permit: { kind: "refused", open: state, retryAtMs: state.probe.untilMs } };
  const { token } = probe;
  return { state: { ...state, probe: { token, untilMs: nowMs + probe.leaseMs } }, permit: { kind: "pass", token } };
}

/** The state after a probe ended. One that was given up meanwhile changes nothing; one that says nothing makes room for another. */
export function afterProbe(state: BreakerState, token: string, end: "healthy" | "unknown" | BreakerFailure, nowMs: number, rules: BreakerRules = BREAKER_RULES): BreakerState {
  if (state.kind === "closed" || state.probe?.token !== token) return state;
  if (end === "healthy") return CLOSED;
  if (end === "unknown") return { ...state, probe: null };
  const probesFailed = state.probesFailed + 1;
  return { ...state, probesFailed, probeAtMs: nowMs + waitMs(probesFailed, end, rules), errorClass: end.errorClass, code: end.code, probe: null };
}

/** Counts by slot, without what is too old to matter. */
export function recentBuckets(buckets: readonly Bucket[], nowMs: number, rules: BreakerRules = BREAKER_RULES): readonly Bucket[] {
  const oldest = Math.floor((nowMs - rules.windowMs) / rules.bucketMs);
  const bySlot = new Map<number, Bucket>();
  for (const bucket of buckets) {
    const known = bySlot.get(bucket.slot);
    if (bucket.slot > oldest) bySlot.set(bucket.slot, known === undefined ? bucket : { ...bucket, successes: known.successes + bucket.successes, failures: known.failures + bucket.failures });
  }
  return [...bySlot.values()].toSorted((left, right) => left.slot - right.slot);
}

/** Doubled with each probe that failed; as long as the provider asked to wait, up to the longest. */
function waitMs(probesFailed: number, { retryAfterMs = 0 }: BreakerFailure, { firstWaitMs, maxWaitMs }: BreakerRules): number {
  return Math.min(maxWaitMs, Math.max(Math.ceil(retryAfterMs), firstWaitMs * 2 ** Math.min(probesFailed, 30)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

import { instantsAfter, type Recurrence, type Span } from "./recurrence.ts";
import type { Instant } from "./cron.ts";

/** What becomes of instants that were missed by more than the grace: none starts, only the latest, or all within the catch-up window. */
export type MisfirePolicy = "skip" | "latest" | "all";
/** What becomes of an instant while the execution before it is not over: it is left out, kept until then (one of them), started all the same, or started after a cancel. */
export type OverlapPolicy = "skip" | "bufferOne" | "allow" | "cancelPrevious";

export interface SchedulePolicy {
  readonly graceSeconds: number;
  readonly misfire: MisfirePolicy;
  /** With `all`: what is older is left out. */
  readonly catchUpSeconds: number;
  readonly overlap: OverlapPolicy;
  /** Spreads the start over so many seconds; each instant of each trigger has its own fixed place in it. */
  readonly jitterSeconds: number;
}

/** Where a schedule stands. Instants up to `lastAt` are decided. */
export interface ScheduleCursor {
  readonly lastAt: string;
  /** An instant that waits for the execution before it. */
  readonly bufferedAt?: string;
}

export interface DueRequest {
  readonly recurrence: Recurrence;
  readonly span: Span;
  readonly policy: SchedulePolicy;
  /** Undefined: the baseline. */
  readonly cursor: ScheduleCursor | undefined;
  /** Since when the schedule is on: instants before it are nobody's miss. */
  readonly armedAt: Date;
  readonly now: Date;
  /** Whether the execution before is not over. */
  readonly isOverlapping: boolean;
  /** A number in [0, 1) for an instant, always the same for it. */
  readonly jitterOf: (at: Date) => number;
}

/** An instant that starts an execution. */
export interface Fire extends Instant {
  readonly lateMs: number;
  /** Missed instants since the last start that this one stands for. */
  readonly missed: number;
}

/** An instant that starts none. */
export interface Skip {
  readonly at: Date;
  readonly reason: "MISFIRE_SKIPPED" | "OVERLAP_SKIPPED" | "CATCH_UP_SKIPPED";
}

export interface Due {
  readonly fires: readonly Fire[];
  readonly skips: readonly Skip[];
  readonly cursor: ScheduleCursor;
  /** When to look again; null: never. */
  readonly nextDueAt: Date | null;
  /** The execution before has to be canceled first. */
  readonly cancelsPrevious: boolean;
}

/** Instants that one look decides at most; a longer absence takes several looks. */
export const DUE_MAX = 500;
/** How often a buffered instant looks whether the execution before it is over. */
const BUFFER_LOOK_MS = 1_000;

/**
 * Decides every instant between the cursor and now: each starts an execution or is skipped for one reason, none is passed over (I3). The same request
 * gives the same answer.
 */
export function decideDue(request: DueRequest): Due {
  const { recurrence, span, cursor, armedAt, now } = request;
  if (cursor === undefined) return baseline(request);
  const after = new Date(Math.max(Date.parse(cursor.lastAt), armedAt.getTime()));
  const due: Instant[] = [];
  let next: Instant | undefined;
  for (const instant of instantsAfter(recurrence, span, after)) {
    if (startOf(instant.at, request) > now.getTime() || due.length === DUE_MAX) {
      next = instant;
      break;
    }
    due.push(instant);
  }
  const isCut = due.length === DUE_MAX && next !== undefined && startOf(next.at, request) <= now.getTime();
  const last = due.at(-1)?.at ?? after;
  const { chosen, skips } = applyMisfire(due, isCut, request);
  const decided = applyOverlap(chosen, cursor.bufferedAt, request);
  const nextMs = next === undefined ? undefined : startOf(next.at, request);
  const lookMs = decided.bufferedAt === undefined ? nextMs : Math.min(nextMs ?? Number.POSITIVE_INFINITY, now.getTime() + BUFFER_LOOK_MS);
  return {
    fires: decided.fires,
    skips: [...skips, ...decided.skips],
    cursor: { lastAt: last.toISOString(), ...(decided.bufferedAt === undefined ? {} : { bufferedAt: decided.bufferedAt }) },
    nextDueAt: lookMs === undefined ? null : new Date(lookMs),
    cancelsPrevious: request.policy.overlap === "cancelPrevious" && request.isOverlapping && decided.fires.length > 0,
  };
}

function baseline(request: DueRequest): Due {
  const { recurrence, span, armedAt } = request;
  // Not now: an instant between the switch-on and this look counts.
  const { value: next } = instantsAfter(recurrence, span, armedAt).next();
  const nextDueAt = next === undefined ? null : new Date(startOf(next.at, request));
  return { fires: [], skips: [], cursor: { lastAt: armedAt.toISOString() }, nextDueAt, cancelsPrevious: false };
}

function startOf(at: Date, { policy, jitterOf }: DueRequest): number {
  return at.getTime() + (policy.jitterSeconds === 0 ? 0 : Math.floor(jitterOf(at) * policy.jitterSeconds * 1_000));
}

/** Leaves out what was missed, as the policy has it. @param isCut more missed instants follow, so that none of these is the latest */
function applyMisfire(due: readonly Instant[], isCut: boolean, request: DueRequest): { readonly chosen: readonly Fire[]; readonly skips: readonly Skip[] } {
  const { policy, now } = request;
  const chosen: Fire[] = [];
  const skips: Skip[] = [];
  let missed = 0;
  for (const [index, instant] of due.entries()) {
    const lateMs = now.getTime() - startOf(instant.at, request);
    const isMissed = lateMs > policy.graceSeconds * 1_000;
    const isLatest = index === due.length - 1 && !isCut;
    const isTooOld = policy.misfire === "all" && lateMs > policy.catchUpSeconds * 1_000;
    if (!isMissed || (policy.misfire === "latest" && isLatest) || (policy.misfire === "all" && !isTooOld)) {
      chosen.push({ ...instant, lateMs: Math.max(0, lateMs), missed });
      missed = 0;
    } else {
      missed += 1;
      skips.push({ at: instant.at, reason: isTooOld ? "CATCH_UP_SKIPPED" : "MISFIRE_SKIPPED" });
    }
  }
  return { chosen, skips };
}

/** Starts of one look come one after the other, so that the second overlaps with the first. */
function applyOverlap(chosen: readonly Fire[], bufferedAt: string | undefined, { policy, isOverlapping, now }: DueRequest): { readonly fires: readonly Fire[]; readonly skips: readonly Skip[]; readonly bufferedAt: string | undefined } {
  if (policy.overlap === "allow" || policy.overlap === "cancelPrevious") return { fires: chosen, skips: [], bufferedAt: undefined };
  const fires: Fire[] = [];
  const skips: Skip[] = [];
  let isBusy = isOverlapping;
  let buffered = bufferedAt;
  if (buffered !== undefined && !isBusy) {
    fires.push({ at: new Date(buffered), lateMs: now.getTime() - Date.parse(buffered), missed: 0 });
    buffered = undefined;
    isBusy = true;
  }
  for (const fire of chosen) {
    if (!isBusy) {
      fires.push(fire);
      isBusy = true;
    } else if (policy.overlap === "bufferOne" && buffered === undefined) {
      buffered = fire.at.toISOString();
    } else {
      skips.push({ at: fire.at, reason: "OVERLAP_SKIPPED" });
    }
  }
  return { fires, skips, bufferedAt: buffered };
}

import { instantsAfter, type Recurrence, type Span } from "./recurrence.ts";
import type { Instant } from "./cron.ts";

/** What becomes of instants that were missed by more than the grace: none starts, only the latest, or all within the catch-up window. */
export type MisfirePolicy = "skip" | "latest" | "all";
/**
 * What becomes of an instant while the execution before it is not over: it is left out, kept until then (one of them), started all the same, or started after a cancel. Of several
 * instants that one look would start, the first is the one before for the others; with `cancelPrevious` the last one starts, and those before it would be canceled at once.
 */
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
  /** Why the trigger's filter lets an instant start nothing; undefined when it may start. What is filtered takes nobody's place. */
  readonly refusalOf: (fire: Fire) => string | undefined;
}

/** An instant that starts an execution. */
export interface Fire extends Instant {
  readonly lateMs: number;
  /** Missed instants since the last start that this one stands for. */
  readonly missed: number;
}

/** An instant that starts none. */
export type Skip = { readonly at: Date } & (
  | { readonly reason: "MISFIRE_SKIPPED" | "CATCH_UP_SKIPPED" }
  | { readonly reason: "FILTERED"; readonly refusal: string }
  | { readonly reason: "OVERLAP_SKIPPED"; /** The instant that the same look starts; undefined: the execution before was not over. */ readonly beside: Date | undefined }
);

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
  const { wanted, filtered } = applyFilter(chosen, request);
  const decided = applyOverlap(wanted, cursor.bufferedAt, request);
  const nextMs = next === undefined ? undefined : startOf(next.at, request);
  const lookMs = decided.bufferedAt === undefined ? nextMs : Math.min(nextMs ?? Number.POSITIVE_INFINITY, now.getTime() + BUFFER_LOOK_MS);
  return {
    fires: decided.fires,
    skips: [...skips, ...filtered, ...decided.skips],
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
      chosen.push({ ...instant, lateMs, missed });
      missed = 0;
    } else {
      missed += 1;
      skips.push({ at: instant.at, reason: isTooOld ? "CATCH_UP_SKIPPED" : "MISFIRE_SKIPPED" });
    }
  }
  return { chosen, skips };
}

function applyFilter(chosen: readonly Fire[], { refusalOf }: DueRequest): { readonly wanted: readonly Fire[]; readonly filtered: readonly Skip[] } {
  const wanted: Fire[] = [];
  const filtered: Skip[] = [];
  for (const fire of chosen) {
    const refusal = refusalOf(fire);
    if (refusal === undefined) wanted.push(fire);
    else filtered.push({ at: fire.at, reason: "FILTERED", refusal });
  }
  return { wanted, filtered };
}

interface Overlaps {
  readonly fires: readonly Fire[];
  readonly skips: readonly Skip[];
  readonly bufferedAt: string | undefined;
}

/** An instant that was kept comes first, whatever the policy is by now: it has to end somewhere. */
function applyOverlap(wanted: readonly Fire[], bufferedAt: string | undefined, { policy: { overlap }, isOverlapping, now }: DueRequest): Overlaps {
  const kept = bufferedAt === undefined ? undefined : { at: new Date(bufferedAt), lateMs: now.getTime() - Date.parse(bufferedAt), missed: 0 };
  const all = kept === undefined ? wanted : [kept, ...wanted];
  switch (overlap) {
    case "allow":
      return { fires: all, skips: [], bufferedAt: undefined };
    case "cancelPrevious": {
      const last = all.at(-1);
      return { fires: last === undefined ? [] : [last], skips: all.slice(0, -1).map(({ at }) => ({ at, reason: "OVERLAP_SKIPPED", beside: last?.at })), bufferedAt: undefined };
    }
    case "skip":
    case "bufferOne":
      return oneAtATime(all, isOverlapping, (fire) => overlap === "bufferOne" || fire === kept);
    default:
      return overlap satisfies never;
  }
}

/** @param mayWait whether an instant may be kept until what is before it is over */
function oneAtATime(all: readonly Fire[], isOverlapping: boolean, mayWait: (fire: Fire) => boolean): Overlaps {
  const fires: Fire[] = [];
  const skips: Skip[] = [];
  let bufferedAt: string | undefined;
  for (const fire of all) {
    const [started] = fires;
    if (!isOverlapping && started === undefined) fires.push(fire);
    else if (bufferedAt === undefined && mayWait(fire)) bufferedAt = fire.at.toISOString();
    else skips.push({ at: fire.at, reason: "OVERLAP_SKIPPED", beside: started?.at });
  }
  return { fires, skips, bufferedAt };
}

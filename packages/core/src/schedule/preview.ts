import { DateTime } from "luxon";
import type { Instant } from "./cron.ts";
import { instantsAfter, type Recurrence, type Span } from "./recurrence.ts";
import { zoneOf, type Zone } from "./zone.ts";

/** An instant to come, as its zone's wall clock shows it. */
export interface PreviewedInstant extends Instant {
  readonly localTime: string;
}

/** A change of a zone's wall clock. */
export interface ClockChange {
  /** The first instant after it. */
  readonly at: Date;
  /** What the wall clock would have shown at `at`, and what it shows. Local times without a zone. */
  readonly fromLocal: string;
  readonly toLocal: string;
}

export interface Preview {
  readonly timeZone: string;
  readonly instants: readonly PreviewedInstant[];
  /** Changes of the clock between the start of the preview and its last instant, the first CLOCK_CHANGES_MAX of them. */
  readonly clockChanges: readonly ClockChange[];
}

export const CLOCK_CHANGES_MAX = 20;
const DAY_MS = 86_400_000;
/** Changes of the clock are looked for over so many days at most. */
const DAYS_MAX = 3_700;

/** An instant in ISO 8601 with the offset of a zone. */
export function localTimeOf(at: Date, timeZone: string): string {
  return DateTime.fromJSDate(at, { zone: timeZone }).toISO() ?? at.toISOString();
}

/** The zone whose wall clock a schedule is shown in. */
export function timeZoneOf(recurrence: Recurrence): string {
  return recurrence.kind === "cron" ? recurrence.timeZone : "UTC";
}

/** The next `count` instants after `after`, with the changes of the clock on the way. @throws RangeError for an unknown zone */
export function previewSchedule(recurrence: Recurrence, span: Span, after: Date, count: number): Preview {
  const timeZone = timeZoneOf(recurrence);
  const instants: PreviewedInstant[] = [];
  for (const instant of instantsAfter(recurrence, span, after)) {
    instants.push({ ...instant, localTime: localTimeOf(instant.at, timeZone) });
    if (instants.length === count) break;
  }
  const last = instants.at(-1)?.at ?? after;
  return { timeZone, instants, clockChanges: clockChanges(zoneOf(timeZone), after.getTime(), last.getTime()) };
}

/** Changes after `fromMs` up to `toMs`. Two within one day that undo each other would not be seen; the tz database has none. */
function clockChanges(zone: Zone, fromMs: number, toMs: number): ClockChange[] {
  const found: ClockChange[] = [];
  const endMs = Math.min(toMs, fromMs + DAYS_MAX * DAY_MS);
  for (let dayMs = fromMs; dayMs < endMs && found.length < CLOCK_CHANGES_MAX; dayMs += DAY_MS) {
    const nextMs = Math.min(dayMs + DAY_MS, endMs);
    const [before, after] = [zone.offsetAt(dayMs), zone.offsetAt(nextMs)];
    if (before === after) continue;
    const at = firstAfter(dayMs, nextMs, (ms) => zone.offsetAt(ms) !== before);
    found.push({ at: new Date(at), fromLocal: wallClock(at + before), toLocal: wallClock(at + zone.offsetAt(at)) });
  }
  return found;
}

/** The first millisecond in (lowMs, highMs] for which `holds`, which holds from there on. */
function firstAfter(lowMs: number, highMs: number, holds: (ms: number) => boolean): number {
  let [low, high] = [lowMs, highMs];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** A local time, which has no zone, in ISO 8601. */
function wallClock(localMs: number): string {
  return new Date(localMs).toISOString().slice(0, -1);
}

import type { Zone } from "@fluxo/core/schedule/zone";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Steps in which changes of the offset are looked for: no zone has changed it twice within so short a time. */
const STEP_MS = 6 * 3_600_000;
/** The 1 January 1970 was a Thursday: days since then, plus three, count from Monday. */
const EPOCH_WEEKDAY = 3;

/** Hours of a week by the wall clock. `to` below `from` is a time of the next day. Minutes since midnight; days from 0 for Monday. */
export interface WorkingHours {
  readonly days: ReadonlySet<number>;
  readonly fromMinute: number;
  readonly toMinute: number;
}

/**
 * The first instant from `nowMs` on at which the wall clock of the zone shows a time within the hours. Where the wall clock jumps over their beginning, they
 * begin after the jump; where it shows their beginning twice, they begin at the first.
 */
export function nextWorkingInstant(hours: WorkingHours, zone: Zone, nowMs: number): number {
  for (let fromMs = nowMs; ; ) {
    // Between two changes of the offset, local time is instants moved by it.
    const offsetMs = zone.offsetAt(fromMs);
    const candidateMs = nextWithin(hours, fromMs + offsetMs) - offsetMs;
    const changeMs = offsetChange(zone, fromMs, candidateMs);
    if (changeMs === undefined) return candidateMs;
    fromMs = changeMs;
  }
}

/** The first local time from `localMs` on within the hours. Local times are milliseconds as if the wall clock were UTC. */
function nextWithin({ days, fromMinute, toMinute }: WorkingHours, localMs: number): number {
  const today = Math.floor(localMs / DAY_MS);
  const lengthMs = ((toMinute - fromMinute + 1_440) % 1_440 || 1_440) * MINUTE_MS;
  // Hours that began yesterday may go on today.
  for (let day = today - 1; ; day += 1) {
    const startMs = day * DAY_MS + fromMinute * MINUTE_MS;
    if (days.has((((day + EPOCH_WEEKDAY) % 7) + 7) % 7) && localMs < startMs + lengthMs) return Math.max(localMs, startMs);
  }
}

/** The first instant after `fromMs` and up to `toMs` at which the zone has another offset; undefined when there is none. */
function offsetChange(zone: Zone, fromMs: number, toMs: number): number | undefined {
  const offsetMs = zone.offsetAt(fromMs);
  for (let beforeMs = fromMs; beforeMs < toMs; beforeMs += STEP_MS) {
    let [low, high] = [beforeMs, Math.min(beforeMs + STEP_MS, toMs)];
    if (zone.offsetAt(high) === offsetMs) continue;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (zone.offsetAt(middle) === offsetMs) low = middle;
      else high = middle;
    }
    return high;
  }
  return undefined;
}

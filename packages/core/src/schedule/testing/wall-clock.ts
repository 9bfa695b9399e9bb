import type { GapPolicy, RepeatPolicy } from "../cron.ts";

/** A change of the wall clock. Minutes since 1970. */
export interface Change {
  readonly at: number;
  readonly from: number;
  readonly to: number;
}

/** A zone as its changes, in order; `offset` before the first. Minutes. */
export interface WallClock {
  readonly offset: number;
  readonly changes: readonly Change[];
}

/** Whether a wall clock that shows these minutes since 1970 meets a cron expression. */
type Matcher = (localMinute: number) => boolean;

const DAY_MINUTES = 1_440;

/** Reads five numeric fields: `*`, lists, ranges, steps. Where day of month and day of week are both given, one of them is enough. */
export function naiveMatcher(expression: string): Matcher {
  const [minute = "*", hour = "*", day = "*", month = "*", weekday = "*"] = expression.split(" ");
  const [minutes, hours, days, months, weekdays] = [valuesOf(minute, 0, 59), valuesOf(hour, 0, 23), valuesOf(day, 1, 31), valuesOf(month, 1, 12), valuesOf(weekday, 0, 6)];
  return (localMinute) => {
    if (!minutes.has(((localMinute % 60) + 60) % 60) || !hours.has(Math.floor((localMinute % DAY_MINUTES) / 60))) return false;
    const date = new Date(localMinute * 60_000);
    if (!months.has(date.getUTCMonth() + 1)) return false;
    const [isDay, isWeekday] = [days.has(date.getUTCDate()), weekdays.has(date.getUTCDay())];
    return day !== "*" && weekday !== "*" ? isDay || isWeekday : isDay && isWeekday;
  };
}

function valuesOf(field: string, low: number, high: number): ReadonlySet<number> {
  const values = field.split(",").flatMap((part) => {
    const [range = "*", step = "1"] = part.split("/");
    const [first = low, last = range === "*" || part.includes("/") ? high : first] = range === "*" ? [low, high] : range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index).filter((value) => (value - first) % Number(step) === 0);
  });
  return new Set(values);
}

/** A minute at which the wall clock meets an expression; `shifted`: at which it would, had it not jumped. */
interface Met {
  readonly minute: number;
  readonly kind: "once" | "first" | "second" | "shifted";
}

/**
 * The minutes of [from, to) that meet an expression, minute by minute: what the wall clock shows is asked of each, nothing is computed ahead.
 * Minutes since 1970.
 */
export function walk(clock: WallClock, matches: Matcher, range: { readonly from: number; readonly to: number }): Met[] {
  const found: Met[] = [];
  for (let minute = range.from; minute < range.to; minute += 1) {
    const last = clock.changes.findLast(({ at }) => at <= minute);
    const next = clock.changes.find(({ at }) => at > minute);
    if (matches(minute + (last?.to ?? clock.offset))) {
      // Shown again after the change that is to come, or shown before the one that was.
      const isFirst = next !== undefined && next.to < next.from && next.at - minute <= next.from - next.to;
      const isSecond = last !== undefined && last.to < last.from && minute - last.at < last.from - last.to;
      found.push({ minute, kind: isFirst ? "first" : isSecond ? "second" : "once" });
    }
    const isJumped = last !== undefined && last.to > last.from && minute - last.at < last.to - last.from;
    if (isJumped && matches(minute + last.from)) found.push({ minute, kind: "shifted" });
  }
  return found;
}

/** Those that count under the policies, each once. */
export function choose(met: readonly Met[], gap: GapPolicy, repeat: RepeatPolicy): number[] {
  const chosen = met.filter(({ kind }) => kind === "once" || (kind === "shifted" ? gap === "shift" : repeat === "both" || repeat === kind));
  return [...new Set(chosen.map(({ minute }) => minute))].toSorted((left, right) => left - right);
}

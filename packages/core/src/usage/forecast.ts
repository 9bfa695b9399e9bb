import { DateTime } from "luxon";
import type { Window } from "../quota/window.ts";

/** What a forecast goes by. */
export interface ForecastInput {
  readonly now: Date;
  readonly timeZone: string;
  /** The quota's window; `now` is in it. */
  readonly window: Window;
  readonly limit: number;
  /** Used in the window so far, what is reserved included. */
  readonly used: number;
  /** Use of the last full days before today in the zone, oldest first; as many as are known, 28 at most count. */
  readonly history: readonly number[];
}

export interface Forecast {
  /** Mean of the last seven full days, or of as many as there are. */
  readonly perDay: number;
  /** What will have been used at the end of the window. */
  readonly expected: number;
  /** When the quota will be used up; null when it lasts for the window. */
  readonly exhaustedAt: Date | null;
}

const WEEK = 7;
const WEEKS_MAX = 4;
/** With less than two weeks nothing can be said about days of the week. */
const WEEKS_MIN = 2;

/**
 * Continues the last week: each day uses the mean of the last seven full days times the weight of its day of the week. The weight is the mean of that
 * day's use over the mean of all days, in the last two to four full weeks; 1 for all days when less is known. Within a day use is even.
 */
export function forecastQuota({ now, timeZone, window, limit, used, history }: ForecastInput): Forecast {
  const perDay = mean(history.slice(-WEEK));
  const weightOf = weekdayWeights(history);
  let expected = used;
  let exhaustedAt: Date | null = used >= limit ? now : null;
  let from = DateTime.fromJSDate(now, { zone: timeZone });
  for (let offset = 0; from.toMillis() < window.end.getTime(); offset += 1) {
    const dayStart = from.startOf("day");
    const dayEnd = dayStart.plus({ days: 1 }).startOf("day");
    const to = Math.min(dayEnd.toMillis(), window.end.getTime());
    const share = (to - from.toMillis()) / (dayEnd.toMillis() - dayStart.toMillis());
    const use = perDay * weightOf(offset) * share;
    if (exhaustedAt === null && use > 0 && expected + use >= limit) {
      exhaustedAt = new Date(from.toMillis() + Math.round(((limit - expected) / use) * (to - from.toMillis())));
    }
    expected += use;
    from = dayEnd;
  }
  return { perDay, expected, exhaustedAt };
}

/** The weight of the day that is so many days after today. */
function weekdayWeights(history: readonly number[]): (offset: number) => number {
  const weeks = Math.min(Math.floor(history.length / WEEK), WEEKS_MAX);
  const full = history.slice(history.length - weeks * WEEK);
  const overall = mean(full);
  if (weeks < WEEKS_MIN || overall === 0) return () => 1;
  // The first day of whole weeks is today's day of the week.
  return (offset) => mean(full.filter((_, index) => index % WEEK === offset % WEEK)) / overall;
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

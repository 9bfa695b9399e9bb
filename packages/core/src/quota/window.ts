/** A span of time: from `start` on, up to but without `end`. */
export interface Window {
  readonly start: Date;
  readonly end: Date;
}

/** No zone was ever further from UTC than this. */
const MAX_OFFSET_MS = 16 * 3_600_000;

/**
 * The calendar month, in an IANA time zone, that an instant lies in. It begins at the first second of the month on the zone's clocks, which is not
 * midnight where a clock change skips it. Windows follow each other without gap or overlap. Good for as long as it lasts: callers may keep it.
 * @throws RangeError when the zone is unknown or the instant invalid.
 */
export function monthWindow(instant: Date, timeZone: string): Window {
  const monthAt = monthReader(timeZone);
  const shown = monthAt(instant.getTime());
  const month = shown + shiftOf(instant.getTime(), startOfMonth(shown, monthAt), startOfMonth(shown + 1, monthAt));
  return { start: new Date(startOfMonth(month, monthAt)), end: new Date(startOfMonth(month + 1, monthAt)) };
}

/** Where a clock goes back over the end of a month, it shows one of the two months twice; the window has only one of both times. */
function shiftOf(instantMs: number, startMs: number, endMs: number): number {
  if (instantMs < startMs) {
    return -1;
  }
  return instantMs >= endMs ? 1 : 0;
}

/** Tells the month that a zone's calendars show at an instant (ms), counted from January of year 0. */
function monthReader(timeZone: string): (instantMs: number) => number {
  const format = new Intl.DateTimeFormat("en-US-u-ca-gregory-nu-latn", { timeZone, year: "numeric", month: "numeric" });
  return (instantMs) => format.formatToParts(instantMs).reduce((months, part) => months + monthsOf(part), 0);
}

function monthsOf({ type, value }: Intl.DateTimeFormatPart): number {
  switch (type) {
    case "year":
      return Number(value) * 12;
    case "month":
      return Number(value) - 1;
    default:
      return 0;
  }
}

/** A second at which the zone turns to the month (the only one but in the case above), by bisection around the month's start in UTC. */
function startOfMonth(month: number, monthAt: (instantMs: number) => number): number {
  const startUtcMs = Date.UTC(Math.floor(month / 12), month % 12, 1);
  let beforeMs = startUtcMs - MAX_OFFSET_MS;
  let reachedMs = startUtcMs + MAX_OFFSET_MS;
  while (reachedMs - beforeMs > 1_000) {
    const middleMs = beforeMs + Math.floor((reachedMs - beforeMs) / 2_000) * 1_000;
    if (monthAt(middleMs) >= month) {
      reachedMs = middleMs;
    } else {
      beforeMs = middleMs;
    }
  }
  return reachedMs;
}

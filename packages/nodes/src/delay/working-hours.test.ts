import { zoneOf } from "@fluxo/core/schedule/zone";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nextWorkingInstant, type WorkingHours } from "./working-hours.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Zones with jumps of an hour, of half an hour, at midnight, to the west of UTC, by a whole day (Apia, 2011), and none. */
const ZONES = ["Europe/Berlin", "Australia/Lord_Howe", "America/Asuncion", "America/New_York", "Pacific/Apia", "Africa/Casablanca", "Asia/Kolkata", "UTC"];
const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

const OFFICE: WorkingHours = { days: new Set([0, 1, 2, 3, 4]), fromMinute: 9 * 60, toMinute: 17 * 60 };

function next(zone: string, now: string, hours: Partial<WorkingHours> = {}): string {
  return new Date(nextWorkingInstant({ ...OFFICE, ...hours }, zoneOf(zone), Date.parse(now))).toISOString();
}

describe("working hours", () => {
  test.each([
    ["within them", "2026-01-05T09:00:00.000Z", "2026-01-05T09:00:00.000Z"],
    ["at their beginning", "2026-01-05T08:00:00.000Z", "2026-01-05T08:00:00.000Z"],
    ["before them", "2026-01-05T07:59:59.999Z", "2026-01-05T08:00:00.000Z"],
    ["at their end", "2026-01-05T16:00:00.000Z", "2026-01-06T08:00:00.000Z"],
    ["on a Friday evening", "2026-01-09T18:00:00.000Z", "2026-01-12T08:00:00.000Z"],
    ["over the beginning of summer time", "2026-03-27T18:00:00.000Z", "2026-03-30T07:00:00.000Z"],
    ["over the end of summer time", "2026-10-23T18:00:00.000Z", "2026-10-26T08:00:00.000Z"],
  ])("in Berlin, %s", (_when, now, expected) => {
    expect(next("Europe/Berlin", now)).toBe(expected);
  });

  test("that end the next day go on after midnight, also of a day on which none begin", () => {
    const night = { days: new Set([4]), fromMinute: 22 * 60, toMinute: 6 * 60 };
    expect(next("UTC", "2026-01-10T05:59:00Z", night)).toBe("2026-01-10T05:59:00.000Z");
    expect(next("UTC", "2026-01-10T06:00:00Z", night)).toBe("2026-01-16T22:00:00.000Z");
  });

  test("whose beginning the wall clock jumps over begin after the jump; shown twice, at the first", () => {
    const early = { days: new Set([6]), fromMinute: 2 * 60 + 30, toMinute: 4 * 60 };
    expect(next("Europe/Berlin", "2026-03-28T12:00:00Z", early)).toBe("2026-03-29T01:00:00.000Z");
    expect(next("Europe/Berlin", "2026-10-24T12:00:00Z", early)).toBe("2026-10-25T00:30:00.000Z");
    const short = { days: new Set([6]), fromMinute: 2 * 60 + 10, toMinute: 2 * 60 + 20 };
    expect(next("Europe/Berlin", "2026-03-28T12:00:00Z", short)).toBe("2026-04-05T00:10:00.000Z");
    expect(next("Europe/Berlin", "2026-10-25T00:20:00Z", short)).toBe("2026-10-25T01:10:00.000Z");
  });

  test("are found where the wall clock itself shows them first, minute by minute, in every zone and over every change of its offset", () => {
    const edges = ["2011-12-29T12:00Z", "2023-03-26T00:00Z", "2023-10-28T20:00Z", "2023-04-01T12:00Z", "2023-10-01T02:00Z", "2024-03-10T00:00Z", "2024-03-31T00:00Z", "2024-10-06T00:00Z"].map((edge) => Date.parse(edge));
    const instants = fc.record({ edge: fc.constantFrom(...edges), minutes: fc.integer({ min: -3 * 1_440, max: 3 * 1_440 }) }).map(({ edge, minutes }) => edge + minutes * MINUTE_MS);
    const hours = fc
      .record({ days: fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 1 }), fromMinute: fc.integer({ min: 0, max: 1_439 }), toMinute: fc.integer({ min: 0, max: 1_440 }) })
      .filter(({ fromMinute, toMinute }) => fromMinute !== toMinute);
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), instants, hours, (zone, nowMs, { days, ...rest }) => {
        const working = { days: new Set(days), ...rest };
        const found = nextWorkingInstant(working, zoneOf(zone), nowMs);
        const isWithin = wallClock(zone, working);
        expect(isWithin(found)).toBe(true);
        for (let earlierMs = nowMs; earlierMs < found; earlierMs += sparse(found - earlierMs)) expect(isWithin(earlierMs)).toBe(false);
        expect(found === nowMs || !isWithin(found - 1)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});

/** Steps of a minute within a day of the instant that was found, of seven minutes before. */
function sparse(leftMs: number): number {
  return leftMs > DAY_MS ? 7 * MINUTE_MS : MINUTE_MS;
}

/** Whether the wall clock, as Intl shows it, shows a time within the hours. */
function wallClock(zone: string, { days, fromMinute, toMinute }: WorkingHours): (instantMs: number) => boolean {
  const format = new Intl.DateTimeFormat("en-US", { timeZone: zone, weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return (instantMs) => {
    const parts = new Map(format.formatToParts(instantMs).map(({ type, value }) => [type, value]));
    const today = WEEKDAYS.indexOf(parts.get("weekday") ?? "");
    const minute = Number(parts.get("hour")) * 60 + Number(parts.get("minute"));
    if (fromMinute < toMinute) return days.has(today) && minute >= fromMinute && minute < toMinute;
    return (days.has(today) && minute >= fromMinute) || (days.has((today + 6) % 7) && minute < toMinute);
  };
}

import fc from "fast-check";
import { expect, test } from "vitest";
import { monthWindow } from "./window.ts";

function windowOf(instant: string, timeZone: string): [string, string] {
  const { start, end } = monthWindow(new Date(instant), timeZone);
  return [start.toISOString(), end.toISOString()];
}

test.each([
  ["UTC", "2026-02-15T12:00:00Z", "2026-02-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z"],
  ["Europe/Berlin", "2026-03-31T21:59:59.999Z", "2026-02-28T23:00:00.000Z", "2026-03-31T22:00:00.000Z"],
  ["Europe/Berlin", "2026-03-31T22:00:00Z", "2026-03-31T22:00:00.000Z", "2026-04-30T22:00:00.000Z"],
  ["Asia/Kathmandu", "2026-01-01T00:00:00Z", "2025-12-31T18:15:00.000Z", "2026-01-31T18:15:00.000Z"],
  ["Pacific/Kiritimati", "2026-01-31T10:00:00Z", "2026-01-31T10:00:00.000Z", "2026-02-28T10:00:00.000Z"],
  ["America/New_York", "2026-12-31T23:00:00Z", "2026-12-01T05:00:00.000Z", "2027-01-01T05:00:00.000Z"],
])("%s at %s", (zone, instant, start, end) => {
  expect(windowOf(instant, zone)).toEqual([start, end]);
});

test("begins with the first second of the month where a clock change skips midnight", () => {
  // Asunción, 1 October 2017: 00:00 became 01:00.
  expect(windowOf("2017-10-10T00:00:00Z", "America/Asuncion")[0]).toBe("2017-10-01T04:00:00.000Z");
});

test.each(["America/St_Johns", "America/Goose_Bay"])("has one window for each instant where %s shows the end of a month twice", (zone) => {
  for (let minute = 0; minute < 180; minute += 1) {
    const instant = new Date(Date.UTC(2009, 10, 1, 2, minute, 30));
    const { start, end } = monthWindow(instant, zone);
    expect(instant >= start && instant < end).toBe(true);
    const other = monthWindow(instant < new Date("2009-11-01T03:30:00Z") ? end : start, zone);
    expect([other.start, other.end]).toContainEqual(instant < new Date("2009-11-01T03:30:00Z") ? end : start);
  }
});

test("windows hold their instant, are one month long on the zone's clocks and follow each other without a gap", () => {
  const zones = fc.constantFrom(...Intl.supportedValuesOf("timeZone"));
  const instants = fc.date({ min: new Date("1975-01-01"), max: new Date("2090-01-01"), noInvalidDate: true });
  fc.assert(
    fc.property(zones, instants, (zone, instant) => {
      const { start, end } = monthWindow(instant, zone);
      expect(start <= instant && instant < end).toBe(true);
      expect(monthWindow(end, zone).start).toEqual(end);
      expect(monthWindow(new Date(start.getTime() - 1), zone).end).toEqual(start);
      expect(monthWindow(start, zone)).toEqual({ start, end });
      const days = (end.getTime() - start.getTime()) / 86_400_000;
      expect(days > 26.9 && days < 32.1).toBe(true);
      const shown = new Intl.DateTimeFormat("en-CA", { timeZone: zone, day: "2-digit" });
      expect(shown.format(start)).toBe("01");
    }),
    { numRuns: 150 },
  );
});

test("refuses an unknown zone and an invalid instant", () => {
  expect(() => monthWindow(new Date(), "Mars/Olympus")).toThrow(RangeError);
  expect(() => monthWindow(new Date(Number.NaN), "UTC")).toThrow(RangeError);
});

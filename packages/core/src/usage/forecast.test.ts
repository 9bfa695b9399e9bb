import fc from "fast-check";
import { expect, test } from "vitest";
import { monthWindow } from "../quota/window.ts";
import { forecastQuota, type ForecastInput } from "./forecast.ts";

const DAY_MS = 86_400_000;

function forecast(rest: Partial<ForecastInput> & { readonly now: Date }): ReturnType<typeof forecastQuota> {
  return forecastQuota({ timeZone: "UTC", window: monthWindow(rest.now, rest.timeZone ?? "UTC"), limit: 1_000, used: 0, history: [], ...rest });
}

const inputs = fc
  .record({
    at: fc.date({ min: new Date("2026-01-01T00:00:00Z"), max: new Date("2027-12-31T00:00:00Z"), noInvalidDate: true }),
    timeZone: fc.constantFrom("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"),
    limit: fc.nat(100_000),
    used: fc.nat(100_000),
    history: fc.array(fc.nat(5_000), { maxLength: 40 }),
  })
  .map(({ at, ...rest }): ForecastInput => ({ ...rest, now: at, window: monthWindow(at, rest.timeZone) }));

test("even use is used up on a straight line", () => {
  // 100 a day from noon of the 10th on, 550 left: five and a half days.
  const { perDay, exhaustedAt, expected } = forecast({ now: new Date("2026-06-10T12:00:00Z"), used: 450, history: Array.from({ length: 28 }, () => 100) });
  expect([perDay, exhaustedAt?.toISOString(), expected]).toEqual([100, "2026-06-16T00:00:00.000Z", 450 + 2_050]);
});

test("days of the week count by their weight", () => {
  // Two weeks, oldest first; today is a Wednesday and so was the first day: nothing on Saturdays and Sundays.
  const week = [70, 70, 70, 0, 0, 70, 70];
  const { perDay, exhaustedAt } = forecast({ now: new Date("2026-06-10T00:00:00Z"), limit: 245, history: [...week, ...week] });
  // Wednesday, Thursday, Friday: 210; then Monday noon.
  expect([perDay, exhaustedAt?.toISOString()]).toEqual([50, "2026-06-15T12:00:00.000Z"]);
});

test("with less than two weeks all days weigh the same; without history nothing is expected", () => {
  expect(forecast({ now: new Date("2026-06-10T00:00:00Z"), limit: 100, history: [0, 20] }).exhaustedAt?.toISOString()).toBe("2026-06-20T00:00:00.000Z");
  expect(forecast({ now: new Date("2026-06-10T00:00:00Z"), used: 7 })).toEqual({ perDay: 0, expected: 7, exhaustedAt: null });
});

test("what is used up already is used up now", () => {
  const now = new Date("2026-06-10T00:00:00Z");
  expect(forecast({ now, used: 1_000 }).exhaustedAt).toEqual(now);
});

test("the end is now or later and in the window, and there is one exactly when more is expected than allowed", () => {
  fc.assert(
    fc.property(inputs, (input) => {
      const { expected, exhaustedAt } = forecastQuota(input);
      expect(expected).toBeGreaterThanOrEqual(input.used);
      if (exhaustedAt !== null) {
        expect(exhaustedAt >= input.now && exhaustedAt <= input.window.end).toBe(true);
        expect(expected).toBeGreaterThan(input.limit - 1e-6);
      } else expect(expected).toBeLessThan(input.limit + 1e-6);
    }),
  );
});

test("more use so far, or a lower limit, never ends later", () => {
  fc.assert(
    fc.property(inputs, fc.nat(10_000), (input, more) => {
      const end = ({ exhaustedAt }: ReturnType<typeof forecastQuota>): number => exhaustedAt?.getTime() ?? Number.POSITIVE_INFINITY;
      const base = end(forecastQuota(input));
      expect(end(forecastQuota({ ...input, used: input.used + more }))).toBeLessThanOrEqual(base);
      expect(end(forecastQuota({ ...input, limit: Math.max(0, input.limit - more) }))).toBeLessThanOrEqual(base);
    }),
  );
});

test("any seven full days together use seven times the mean of the last seven", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5_000), { minLength: 14, maxLength: 40 }), fc.integer({ min: 7, max: 20 }), (history, days) => {
      const now = new Date("2026-03-02T00:00:00Z");
      const until = (end: number): number => forecastQuota({ now, timeZone: "UTC", window: { start: now, end: new Date(now.getTime() + end * DAY_MS) }, limit: 1, used: 0, history }).expected;
      const week = until(days) - until(days - 7);
      const full = history.slice(-Math.floor(Math.min(history.length, 28) / 7) * 7);
      const isFlat = full.every((value) => value === 0);
      const last = history.slice(-7).reduce((sum, value) => sum + value, 0);
      expect(week).toBeCloseTo(isFlat ? 0 : last, 3);
    }),
  );
});

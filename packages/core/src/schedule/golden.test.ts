import { describe, expect, test } from "vitest";
import { cronInstants, type CronRule } from "./cron.ts";
import { TRANSITIONS } from "./testing/transitions.ts";
import { choose, naiveMatcher, walk, type WallClock } from "./testing/wall-clock.ts";
import { zoneOf } from "./zone.ts";

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;
/** Days before and after a change of the clock. */
const AROUND = 1;
const [SPAN_FROM, SPAN_TO] = [Date.UTC(2024, 0, 1) / MINUTE_MS, Date.UTC(2031, 0, 1) / MINUTE_MS];

const EXPRESSIONS = [
  "0 * * * *",
  "30 2 * * *",
  "0 0 * * *",
  "45 1,2,3 * * *",
  "10-50/20 0-3 * * 0",
  "0 3 1 * *",
  "30 1 13 * 5",
  "15 2 * 3,10 *",
] as const;
const POLICIES = [
  { gap: "skip", repeat: "first" },
  { gap: "shift", repeat: "second" },
  { gap: "shift", repeat: "both" },
] as const;

const zones = Object.entries(TRANSITIONS).map(([name, { offset, changes }]): readonly [string, WallClock] => {
  let from = offset;
  const walked = changes.map(([at, to]) => {
    const change = { at: Date.parse(at) / MINUTE_MS, from, to };
    from = to;
    return change;
  });
  return [name, { offset, changes: walked }];
});

/** The same clock with the changes within a day of a range alone: the walk looks through them for every minute. */
function nearClock(clock: WallClock, from: number, to: number): WallClock {
  const offset = clock.changes.findLast(({ at }) => at < from - DAY_MINUTES)?.to ?? clock.offset;
  return { offset, changes: clock.changes.filter(({ at }) => at >= from - DAY_MINUTES && at < to + DAY_MINUTES) };
}

function computed(rule: CronRule, from: number, to: number): number[] {
  const found: number[] = [];
  for (const { at } of cronInstants(rule, from * MINUTE_MS - 1)) {
    if (at.getTime() >= to * MINUTE_MS) break;
    found.push(at.getTime() / MINUTE_MS);
  }
  return found;
}

describe.each(zones)("%s, 2024 to 2030", (timeZone, clock) => {
  test("changes when the tz database says", () => {
    const zone = zoneOf(timeZone);
    expect(zone.offsetAt(SPAN_FROM * MINUTE_MS)).toBe(clock.offset * MINUTE_MS);
    for (const { at, from, to } of clock.changes) {
      expect([new Date(at * MINUTE_MS).toISOString(), zone.offsetAt(at * MINUTE_MS - 1) / MINUTE_MS, zone.offsetAt(at * MINUTE_MS) / MINUTE_MS]).toEqual([new Date(at * MINUTE_MS).toISOString(), from, to]);
    }
  });

  test("cron is due around every change exactly when a minute-by-minute walk of the wall clock finds it", () => {
    const middles = [...clock.changes.map(({ at }) => at), Date.UTC(2027, 6, 1) / MINUTE_MS];
    let compared = 0;
    for (const middle of middles) {
      const [from, to] = [middle - AROUND * DAY_MINUTES, middle + AROUND * DAY_MINUTES];
      const near = nearClock(clock, from, to);
      for (const expression of EXPRESSIONS) {
        const met = walk(near, naiveMatcher(expression), { from, to });
        for (const { gap, repeat } of POLICIES) {
          const expected = choose(met, gap, repeat);
          const found = computed({ expression, timeZone, gap, repeat }, from, to);
          compared += expected.length;
          if (found.join() !== expected.join()) expect({ expression, gap, repeat, found: found.map(text) }).toEqual({ expression, gap, repeat, found: expected.map(text) });
        }
      }
    }
    expect(compared).toBeGreaterThan(100);
  });
});

test.each(["Australia/Lord_Howe"])("every night of seven years in %s", (timeZone) => {
  const clock = zones.find(([name]) => name === timeZone)?.[1];
  if (clock === undefined) throw new Error("There is no such zone in the table.");
  const matches = naiveMatcher("30 0,2 * * *");
  const expected: number[] = [];
  for (let year = 2024; year <= 2030; year += 1) {
    const [from, to] = [Date.UTC(year, 0, 1) / MINUTE_MS, Date.UTC(year + 1, 0, 1) / MINUTE_MS];
    expected.push(...choose(walk(nearClock(clock, from, to), matches, { from, to }), "skip", "both"));
  }
  expect(computed({ expression: "30 0,2 * * *", timeZone, gap: "skip", repeat: "both" }, SPAN_FROM, SPAN_TO)).toEqual(expected);
  expect(expected.length).toBeGreaterThan(5_000);
});

function text(minute: number): string {
  return new Date(minute * MINUTE_MS).toISOString();
}

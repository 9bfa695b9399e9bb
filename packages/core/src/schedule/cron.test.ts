import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cronInstants, cronProblem, type CronRule } from "./cron.ts";

function take(rule: Partial<CronRule> & Pick<CronRule, "expression">, after: string, count: number): string[] {
  const found: string[] = [];
  for (const { at, clockChange } of cronInstants({ timeZone: "UTC", gap: "skip", repeat: "first", ...rule }, Date.parse(after))) {
    found.push(clockChange === undefined ? at.toISOString() : `${at.toISOString()} ${clockChange}`);
    if (found.length === count) break;
  }
  return found;
}

/** Local wall-clock text of an instant, by Node's own time-zone data. */
function localText(at: Date, timeZone: string): string {
  return new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" }).format(at);
}

test.each([
  ["* * * *", /five fields/],
  ["* * * * * * *", /five fields/],
  ["H * * * *", /hashed/],
  ["61 * * * *", /cannot be read/],
  ["0 0 31 2 *", /cannot be read/],
  ["*/0 * * * *", /cannot be read/],
  ["", /five fields/],
])("the expression %j has a problem", (expression, problem) => {
  expect(cronProblem(expression)).toMatch(problem);
});

test.each(["* * * * *", "*/5 8-18 * * MON-FRI", "0 0 1 JAN *", "30 0 9 * * *", "0 12 L * *", "0 9 * * 1#2"])("the expression %j has none", (expression) => {
  expect(cronProblem(expression)).toBeUndefined();
});

describe("a local time that the clock jumps over", () => {
  const daily = { expression: "30 2 * * *", timeZone: "Europe/Berlin" };
  test("is left out", () => {
    expect(take({ ...daily, gap: "skip" }, "2026-03-28T12:00:00Z", 2)).toEqual(["2026-03-30T00:30:00.000Z", "2026-03-31T00:30:00.000Z"]);
  });
  test("or comes as much later as the clock jumps", () => {
    expect(take({ ...daily, gap: "shift" }, "2026-03-28T12:00:00Z", 2)).toEqual(["2026-03-29T01:30:00.000Z shifted", "2026-03-30T00:30:00.000Z"]);
  });
  test("and comes once when a regular time is at the same instant", () => {
    expect(take({ expression: "*/30 * * * *", timeZone: "Europe/Berlin", gap: "shift" }, "2026-03-29T00:00:00Z", 6)).toEqual([
      "2026-03-29T00:30:00.000Z",
      "2026-03-29T01:00:00.000Z shifted",
      "2026-03-29T01:30:00.000Z shifted",
      "2026-03-29T02:00:00.000Z",
      "2026-03-29T02:30:00.000Z",
      "2026-03-29T03:00:00.000Z",
    ]);
  });
});

describe("a local time that the clock shows twice", () => {
  const daily = { expression: "30 2 * * *", timeZone: "Europe/Berlin" };
  test.each([
    ["first", ["2026-10-25T00:30:00.000Z first", "2026-10-26T01:30:00.000Z"]],
    ["second", ["2026-10-25T01:30:00.000Z second", "2026-10-26T01:30:00.000Z"]],
    ["both", ["2026-10-25T00:30:00.000Z first", "2026-10-25T01:30:00.000Z second"]],
  ] as const)("counts: %s", (repeat, expected) => {
    expect(take({ ...daily, repeat }, "2026-10-24T12:00:00Z", 2)).toEqual(expected);
  });
  test("in order, also for several times an hour", () => {
    expect(take({ expression: "*/30 2 * * *", timeZone: "Europe/Berlin", repeat: "both" }, "2026-10-24T12:00:00Z", 4)).toEqual([
      "2026-10-25T00:00:00.000Z first",
      "2026-10-25T00:30:00.000Z first",
      "2026-10-25T01:00:00.000Z second",
      "2026-10-25T01:30:00.000Z second",
    ]);
  });
});

test.each(["2026-03-29T00:30:00Z", "2026-10-25T00:30:00Z"])("a schedule with seconds costs no more around a change of the clock at %s than its local times", (after) => {
  const every = { expression: "* * * * * *", timeZone: "Europe/Berlin", gap: "skip", repeat: "both" } as const;
  const afterMs = Date.parse(after);
  const found = take(every, after, 7_200).map((text) => Date.parse(text.slice(0, 24)));
  expect(found.every((at, index) => at === afterMs + (index + 1) * 1_000)).toBe(true);
});

test("zones with half an hour of summer time, and those that skip a whole day, keep to the wall clock", () => {
  expect(take({ expression: "15 2 * * *", timeZone: "Australia/Lord_Howe", gap: "shift" }, "2026-10-03T00:00:00Z", 2)).toEqual(["2026-10-03T15:45:00.000Z shifted", "2026-10-04T15:15:00.000Z"]);
  expect(take({ expression: "0 12 * * *", timeZone: "Pacific/Apia", gap: "skip" }, "2011-12-29T00:00:00Z", 2)).toEqual(["2011-12-29T22:00:00.000Z", "2011-12-30T22:00:00.000Z"]);
});

test("instants ascend, continue from any of them, and show the local time that was asked for", () => {
  const zones = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu", "Africa/Casablanca"];
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.integer({ min: 0, max: 59 }),
      fc.integer({ min: 0, max: 23 }),
      fc.constantFrom<CronRule["gap"]>("skip", "shift"),
      fc.constantFrom<CronRule["repeat"]>("first", "second", "both"),
      fc.date({ min: new Date("2020-01-01T00:00:00Z"), max: new Date("2030-01-01T00:00:00Z"), noInvalidDate: true }),
      (timeZone, minute, hour, gap, repeat, after) => {
        const rule = { expression: `${minute} ${hour},${(hour + 1) % 24} * * *`, timeZone, gap, repeat };
        const all = take(rule, after.toISOString(), 8);
        const instants = all.map((text) => Date.parse(text.slice(0, 24)));
        expect(instants).toEqual(instants.toSorted((left, right) => left - right));
        expect(new Set(instants).size).toBe(instants.length);
        expect(instants.every((at) => at > after.getTime())).toBe(true);
        expect(take(rule, new Date(instants[2] ?? 0).toISOString(), 5)).toEqual(all.slice(3));
        for (const [index, text] of all.entries()) {
          const local = localText(new Date(instants[index] ?? 0), timeZone);
          if (!text.endsWith("shifted")) expect([`${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}:00`, `${String((hour + 1) % 24).padStart(2, "0")}:${String(minute).padStart(2, "0")}:00`]).toContain(local.slice(11));
        }
      },
    ),
    { numRuns: 150 },
  );
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decideDue, DUE_MAX, type Due, type DueRequest, type ScheduleCursor } from "./due.ts";

const HOURLY: DueRequest["recurrence"] = { kind: "cron", expression: "0 * * * *", timeZone: "UTC", gap: "skip", repeat: "first" };
const POLICY: DueRequest["policy"] = { graceSeconds: 60, misfire: "latest", catchUpSeconds: 86_400, overlap: "allow", jitterSeconds: 0 };

function decide(now: string, lastAt: string | undefined, parts: Partial<Omit<DueRequest, "policy" | "cursor">> & { policy?: Partial<DueRequest["policy"]>; bufferedAt?: string } = {}): Due {
  const { policy, bufferedAt, ...rest } = parts;
  const cursor: ScheduleCursor | undefined = lastAt === undefined ? undefined : { lastAt, ...(bufferedAt === undefined ? {} : { bufferedAt }) };
  return decideDue({
    recurrence: HOURLY,
    span: {},
    cursor,
    armedAt: new Date("2026-01-01T00:00:00Z"),
    now: new Date(now),
    isOverlapping: false,
    jitterOf: () => 0.5,
    refusalOf: () => undefined,
    ...rest,
    policy: { ...POLICY, ...policy },
  });
}

const started = ({ fires }: Due): string[] => fires.map(({ at }) => at.toISOString().slice(11, 16));
const left = ({ skips }: Due): string[] => skips.map(({ at, reason }) => `${at.toISOString().slice(11, 16)} ${reason}`);

test("the baseline starts nothing and waits for the next instant after the switch-on", () => {
  const due = decide("2026-01-01T10:30:00Z", undefined, { armedAt: new Date("2026-01-01T10:29:00Z") });
  expect(due).toMatchObject({ fires: [], skips: [], cursor: { lastAt: "2026-01-01T10:29:00.000Z" }, nextDueAt: new Date("2026-01-01T11:00:00Z") });
});

test("an instant on time starts, and the next one follows", () => {
  const due = decide("2026-01-01T11:00:00.200Z", "2026-01-01T10:00:00.000Z");
  expect(due).toMatchObject({ fires: [{ at: new Date("2026-01-01T11:00:00Z"), lateMs: 200, missed: 0 }], nextDueAt: new Date("2026-01-01T12:00:00Z") });
});

describe("after an absence of three instants", () => {
  const now = "2026-01-01T13:30:00Z";
  const lastAt = "2026-01-01T10:00:00.000Z";
  test.each([
    ["skip", [], ["11:00 MISFIRE_SKIPPED", "12:00 MISFIRE_SKIPPED", "13:00 MISFIRE_SKIPPED"]],
    ["latest", ["13:00"], ["11:00 MISFIRE_SKIPPED", "12:00 MISFIRE_SKIPPED"]],
    ["all", ["11:00", "12:00", "13:00"], []],
  ] as const)("misfire %s", (misfire, fires, skips) => {
    const due = decide(now, lastAt, { policy: { misfire } });
    expect([started(due), left(due)]).toEqual([fires, skips]);
    expect(due.cursor.lastAt).toBe("2026-01-01T13:00:00.000Z");
  });
  test("all leaves out what is older than the catch-up window", () => {
    const due = decide(now, lastAt, { policy: { misfire: "all", catchUpSeconds: 6_000 } });
    expect([started(due), left(due)]).toEqual([["12:00", "13:00"], ["11:00 CATCH_UP_SKIPPED"]]);
  });
  test("what is late by just the grace is on time, and what is as old as the catch-up window is made up for", () => {
    expect(started(decide("2026-01-01T11:01:00Z", lastAt, { policy: { misfire: "skip" } }))).toEqual(["11:00"]);
    expect(left(decide("2026-01-01T11:01:00.001Z", lastAt, { policy: { misfire: "skip" } }))).toEqual(["11:00 MISFIRE_SKIPPED"]);
    expect(started(decide(now, lastAt, { policy: { misfire: "all", catchUpSeconds: 5_400 } }))).toEqual(["12:00", "13:00"]);
    expect(started(decide(now, lastAt, { policy: { misfire: "all", catchUpSeconds: 5_399 } }))).toEqual(["13:00"]);
  });
  test("of more than one look decides, none is the latest until the last look", () => {
    const parts = { recurrence: { kind: "interval", everySeconds: 1, anchor: new Date(0) }, policy: { graceSeconds: 1 } } as const;
    const first = decide("2026-01-01T10:10:00Z", lastAt, parts);
    expect([first.fires, first.skips.length, first.nextDueAt]).toEqual([[], DUE_MAX, new Date("2026-01-01T10:08:21Z")]);
    const second = decide("2026-01-01T10:10:00Z", first.cursor.lastAt, parts);
    expect(second.fires.map(({ at, missed }) => [at.toISOString().slice(11, 19), missed])).toEqual([["10:09:59", 98], ["10:10:00", 0]]);
  });
  test("each start counts what was left out since the start before it", () => {
    expect(decide(now, lastAt, { policy: { misfire: "all", catchUpSeconds: 6_000 } }).fires.map(({ missed }) => missed)).toEqual([1, 0]);
  });
  test("latest counts what it stands for", () => {
    expect(decide(now, lastAt).fires).toMatchObject([{ missed: 2 }]);
  });
  test("instants before the switch-on are nobody's miss", () => {
    const due = decide(now, lastAt, { armedAt: new Date("2026-01-01T12:30:00Z") });
    expect([started(due), left(due)]).toEqual([["13:00"], []]);
  });
});

describe("while the execution before is not over", () => {
  const now = "2026-01-01T11:00:00Z";
  const lastAt = "2026-01-01T10:00:00.000Z";
  test("skip leaves the instant out", () => {
    expect(left(decide(now, lastAt, { isOverlapping: true, policy: { overlap: "skip" } }))).toEqual(["11:00 OVERLAP_SKIPPED"]);
  });
  test("bufferOne keeps one and looks every second, and leaves out the others", () => {
    const first = decide(now, lastAt, { isOverlapping: true, policy: { overlap: "bufferOne" } });
    expect(first).toMatchObject({ fires: [], skips: [], cursor: { bufferedAt: "2026-01-01T11:00:00.000Z" }, nextDueAt: new Date("2026-01-01T11:00:01Z") });
    const second = decide("2026-01-01T12:00:00Z", first.cursor.lastAt, { isOverlapping: true, policy: { overlap: "bufferOne" }, bufferedAt: "2026-01-01T11:00:00.000Z" });
    expect([started(second), left(second), second.cursor.bufferedAt]).toEqual([[], ["12:00 OVERLAP_SKIPPED"], "2026-01-01T11:00:00.000Z"]);
    const third = decide("2026-01-01T12:00:05Z", second.cursor.lastAt, { policy: { overlap: "bufferOne" }, bufferedAt: "2026-01-01T11:00:00.000Z" });
    expect([started(third), third.cursor.bufferedAt]).toEqual([["11:00"], undefined]);
  });
  test("cancelPrevious starts after a cancel", () => {
    const due = decide(now, lastAt, { isOverlapping: true, policy: { overlap: "cancelPrevious" } });
    expect([started(due), due.cancelsPrevious]).toEqual([["11:00"], true]);
    expect(decide(now, lastAt, { isOverlapping: false, policy: { overlap: "cancelPrevious" } })).toMatchObject({ fires: [{}], cancelsPrevious: false });
    expect(decide(now, lastAt, { isOverlapping: true, policy: { overlap: "allow" } })).toMatchObject({ fires: [{}], cancelsPrevious: false });
    expect(decide("2026-01-01T10:30:00Z", lastAt, { isOverlapping: true, policy: { overlap: "cancelPrevious" } })).toMatchObject({ fires: [], cancelsPrevious: false });
  });
  test.each([
    ["skip", ["11:00"], ["12:00", "13:00"], undefined, "11"],
    ["bufferOne", ["11:00"], ["13:00"], "2026-01-01T12:00:00.000Z", "11"],
    ["cancelPrevious", ["13:00"], ["11:00", "12:00"], undefined, "13"],
    ["allow", ["11:00", "12:00", "13:00"], [], undefined, ""],
  ] as const)("the starts of one look overlap each other: %s", (overlap, fires, skipped, bufferedAt, hour) => {
    const due = decide("2026-01-01T13:30:00Z", lastAt, { policy: { misfire: "all", overlap } });
    expect([started(due), left(due), due.cursor.bufferedAt]).toEqual([fires, skipped.map((time) => `${time} OVERLAP_SKIPPED`), bufferedAt]);
    expect(due.skips).toMatchObject(skipped.map(() => ({ beside: new Date(`2026-01-01T${hour}:00:00Z`) })));
  });
  test("an instant that was kept ends in one way under every policy that comes after", () => {
    const after = (overlap: DueRequest["policy"]["overlap"], isOverlapping: boolean): unknown[] => {
      const due = decide("2026-01-01T12:00:00Z", now.replace("Z", ".000Z"), { isOverlapping, policy: { overlap }, bufferedAt: "2026-01-01T11:00:00.000Z" });
      return [started(due), left(due), due.cursor.bufferedAt?.slice(11, 16)];
    };
    expect(after("allow", true)).toEqual([["11:00", "12:00"], [], undefined]);
    expect(after("cancelPrevious", true)).toEqual([["12:00"], ["11:00 OVERLAP_SKIPPED"], undefined]);
    expect(after("skip", true)).toEqual([[], ["12:00 OVERLAP_SKIPPED"], "11:00"]);
    expect(after("skip", false)).toEqual([["11:00"], ["12:00 OVERLAP_SKIPPED"], undefined]);
    expect(after("bufferOne", false)).toEqual([["11:00"], [], "12:00"]);
  });
  test("what the filter refuses takes nobody's place", () => {
    const refusalOf: DueRequest["refusalOf"] = ({ at }) => (at.getUTCHours() === 12 ? undefined : "not at noon");
    const due = decide("2026-01-01T13:30:00Z", lastAt, { refusalOf, policy: { misfire: "all", overlap: "skip" } });
    expect([started(due), left(due)]).toEqual([["12:00"], ["11:00 FILTERED", "13:00 FILTERED"]]);
    const none = decide(now, lastAt, { refusalOf, isOverlapping: true, policy: { overlap: "cancelPrevious" } });
    expect([started(none), none.cancelsPrevious]).toEqual([[], false]);
  });
});

test("jitter delays an instant by its own share, and keeps the key", () => {
  expect(decide("2026-01-01T11:00:04Z", "2026-01-01T10:00:00.000Z", { policy: { jitterSeconds: 10 } })).toMatchObject({ fires: [], nextDueAt: new Date("2026-01-01T11:00:05Z") });
  expect(started(decide("2026-01-01T11:00:05Z", "2026-01-01T10:00:00.000Z", { policy: { jitterSeconds: 10 } }))).toEqual(["11:00"]);
});

test("a one-off ends; start and end bound the others", () => {
  const once = { recurrence: { kind: "once", at: new Date("2026-01-01T11:00:00Z") } } as const;
  expect(decide("2026-01-01T10:30:00Z", undefined, { ...once, armedAt: new Date("2026-01-01T10:30:00Z") }).nextDueAt).toEqual(new Date("2026-01-01T11:00:00Z"));
  expect(decide("2026-01-01T11:00:00Z", "2026-01-01T10:30:00.000Z", once)).toMatchObject({ fires: [{ at: new Date("2026-01-01T11:00:00Z") }], nextDueAt: null });
  expect(decide("2026-01-01T11:00:01Z", "2026-01-01T11:00:00.000Z", once)).toMatchObject({ fires: [], skips: [], nextDueAt: null });
  const span = { startAt: new Date("2026-01-01T12:00:00Z"), endAt: new Date("2026-01-01T13:00:00Z") };
  expect(decide("2026-01-01T11:00:00Z", "2026-01-01T10:00:00.000Z", { span })).toMatchObject({ fires: [], nextDueAt: new Date("2026-01-01T12:00:00Z") });
  expect(decide("2026-01-01T13:00:00Z", "2026-01-01T12:00:00.000Z", { span }).nextDueAt).toBeNull();
});

test("every instant is decided exactly once, however often and late somebody looks", () => {
  fc.assert(
    fc.property(
      fc.constantFrom<DueRequest["policy"]["misfire"]>("skip", "latest", "all"),
      fc.integer({ min: 0, max: 30 }),
      fc.integer({ min: 1, max: 5 }),
      // The overlap policy may be another one at every look, as after a publish.
      fc.array(fc.tuple(fc.integer({ min: 1, max: 100_000 }), fc.boolean(), fc.constantFrom<DueRequest["policy"]["overlap"]>("skip", "bufferOne", "allow", "cancelPrevious")), { minLength: 1, maxLength: 12 }),
      (misfire, jitterSeconds, filtered, looks) => {
        const recurrence = { kind: "interval", everySeconds: 60, anchor: new Date("2026-01-01T00:00:00Z") } as const;
        const armedAt = new Date("2026-01-01T00:00:30Z");
        const refusalOf: DueRequest["refusalOf"] = ({ at }) => (at.getUTCMinutes() % 5 < filtered ? undefined : "refused");
        let cursor: ScheduleCursor | undefined;
        let nowMs = armedAt.getTime();
        const decided: number[] = [];
        for (const [seconds, isOverlapping, overlap] of [[0, false, "skip"] as const, ...looks]) {
          const policy = { ...POLICY, misfire, overlap, jitterSeconds, catchUpSeconds: 3_600 };
          nowMs += seconds * 1_000;
          for (;;) {
            const due = decideDue({ recurrence, span: {}, policy, cursor, armedAt, now: new Date(nowMs), isOverlapping, jitterOf: (at) => (at.getTime() % 97) / 97, refusalOf });
            decided.push(...due.fires.map(({ at }) => at.getTime()), ...due.skips.map(({ at }) => at.getTime()));
            cursor = due.cursor;
            expect(due.fires.length + due.skips.length).toBeLessThanOrEqual(DUE_MAX + 1);
            if (due.nextDueAt === null || due.nextDueAt.getTime() > nowMs) break;
          }
        }
        const all = [...decided, ...(cursor?.bufferedAt === undefined ? [] : [Date.parse(cursor.bufferedAt)])].toSorted((left_, right) => left_ - right);
        const lastMs = Date.parse(cursor?.lastAt ?? "");
        const expected = Array.from({ length: Math.floor((lastMs - Date.parse("2026-01-01T00:01:00Z")) / 60_000) + 1 }, (_, index) => Date.parse("2026-01-01T00:01:00Z") + index * 60_000);
        expect(all).toEqual(lastMs <= armedAt.getTime() ? [] : expected);
        expect(nowMs - lastMs).toBeLessThan((60 + jitterSeconds + 1) * 1_000);
      },
    ),
    { numRuns: 200 },
  );
});

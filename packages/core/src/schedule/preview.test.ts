import { expect, test } from "vitest";
import { CLOCK_CHANGES_MAX, previewSchedule } from "./preview.ts";

const berlin = { kind: "cron", timeZone: "Europe/Berlin", gap: "shift", repeat: "both" } as const;

test("shows instants on the wall clock, with the change of the clock on the way", () => {
  const preview = previewSchedule({ ...berlin, expression: "30 2 * * *" }, {}, new Date("2026-03-28T12:00:00Z"), 2);
  expect(preview).toEqual({
    timeZone: "Europe/Berlin",
    instants: [
      { at: new Date("2026-03-29T01:30:00Z"), clockChange: "shifted", localTime: "2026-03-29T03:30:00.000+02:00" },
      { at: new Date("2026-03-30T00:30:00Z"), localTime: "2026-03-30T02:30:00.000+02:00" },
    ],
    clockChanges: [{ at: new Date("2026-03-29T01:00:00Z"), fromLocal: "2026-03-29T02:00:00.000", toLocal: "2026-03-29T03:00:00.000" }],
  });
  const autumn = previewSchedule({ ...berlin, expression: "30 2 * * *" }, {}, new Date("2026-10-24T12:00:00Z"), 2);
  expect(autumn.instants.map(({ localTime, clockChange }) => [localTime, clockChange])).toEqual([
    ["2026-10-25T02:30:00.000+02:00", "first"],
    ["2026-10-25T02:30:00.000+01:00", "second"],
  ]);
  expect(autumn.clockChanges).toMatchObject([{ at: new Date("2026-10-25T01:00:00Z"), fromLocal: "2026-10-25T03:00:00.000", toLocal: "2026-10-25T02:00:00.000" }]);
});

test("ends with the schedule, and knows no clock beside the wall clock's", () => {
  expect(previewSchedule({ kind: "interval", everySeconds: 3_600, anchor: new Date(0) }, { endAt: new Date("2026-03-29T02:00:00Z") }, new Date("2026-03-29T00:00:00Z"), 10)).toEqual({
    timeZone: "UTC",
    instants: [
      { at: new Date("2026-03-29T01:00:00Z"), localTime: "2026-03-29T01:00:00.000Z" },
      { at: new Date("2026-03-29T02:00:00Z"), localTime: "2026-03-29T02:00:00.000Z" },
    ],
    clockChanges: [],
  });
});

test("a yearly schedule shows every change between its instants, bounded", () => {
  const yearly = previewSchedule({ ...berlin, expression: "0 9 1 1 *" }, {}, new Date("2026-01-02T00:00:00Z"), 3);
  expect(yearly.clockChanges.map(({ at }) => at.toISOString().slice(0, 10))).toEqual(["2026-03-29", "2026-10-25", "2027-03-28", "2027-10-31", "2028-03-26", "2028-10-29"]);
  const leapDays = previewSchedule({ ...berlin, expression: "0 9 29 2 *" }, {}, new Date("2026-01-02T00:00:00Z"), 5);
  expect(leapDays.clockChanges).toHaveLength(CLOCK_CHANGES_MAX);
  // Changes in 2015 and 2018; they are looked for over ten years.
  const pyongyang = (after: string): number => previewSchedule({ ...berlin, timeZone: "Asia/Pyongyang", expression: "0 9 1 1 *" }, {}, new Date(after), 20).clockChanges.length;
  expect([pyongyang("2004-01-02T00:00:00Z"), pyongyang("2010-01-02T00:00:00Z")]).toEqual([0, 2]);
});

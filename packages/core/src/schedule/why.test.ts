import { expect, test } from "vitest";
import { missingDetail, whyMissing, type ScheduleRecord } from "./why.ts";

const at = (minute: number): Date => new Date(Date.UTC(2026, 0, 1, 0, minute));
const record: ScheduleRecord = {
  periods: [
    { from: at(10), to: at(20), offReason: undefined },
    { from: at(20), to: at(30), offReason: "PAUSED" },
    { from: at(30), to: undefined, offReason: undefined },
  ],
  cursor: { lastAt: at(40).toISOString(), bufferedAt: at(39).toISOString() },
  armedAt: at(30),
  now: at(50),
};

test.each([
  [5, "BEFORE_ARMED"],
  [10, "NOT_DISPATCHED"],
  [20, "PAUSED"],
  [29, "PAUSED"],
  [30, "NOT_DISPATCHED"],
  [39, "BUFFERED"],
  [40, "NOT_DISPATCHED"],
  [41, "PENDING"],
  [50, "PENDING"],
  [51, "NOT_DUE_YET"],
] as const)("an instant of minute %i without occurrence: %s", (minute, reason) => {
  expect(whyMissing(at(minute), record)).toBe(reason);
  expect(missingDetail(reason)).toMatch(/\.$/);
});

test("what was due before the schedule was armed anew is nobody's any more", () => {
  expect(whyMissing(at(35), { ...record, armedAt: at(36), cursor: { lastAt: at(12).toISOString() } })).toBe("NOT_DISPATCHED");
  expect(whyMissing(at(36), { ...record, armedAt: at(36), cursor: { lastAt: at(12).toISOString() } })).toBe("PENDING");
});

test("before the baseline everything that is due is pending", () => {
  expect(whyMissing(at(35), { ...record, cursor: undefined })).toBe("PENDING");
  expect(whyMissing(at(35), { ...record, armedAt: undefined })).toBe("NOT_DISPATCHED");
});

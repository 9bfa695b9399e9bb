import { validate, version } from "uuid";
import { afterEach, expect, test, vi } from "vitest";
import { uuidV7 } from "./ids.ts";

afterEach(() => vi.useRealTimers());

test("ids are of version 7, different, and in the order of their creation, also within a millisecond and when the clock goes back", () => {
  vi.useFakeTimers({ now: Date.now() + 60_000 });
  const first = Array.from({ length: 1_000 }, () => uuidV7.next());
  vi.setSystemTime(Date.now() - 5_000);
  const ids = [...first, ...Array.from({ length: 1_000 }, () => uuidV7.next())];
  expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
  expect(new Set(ids).size).toBe(2_000);
  expect(ids.toSorted()).toEqual(ids);
});

test("ids tell their millisecond, and their random part differs", () => {
  const at = Date.now() + 120_000;
  vi.useFakeTimers({ now: at });
  const ids = Array.from({ length: 600 }, () => uuidV7.next());
  expect(Number.parseInt(ids[0]?.replaceAll("-", "").slice(0, 12) ?? "", 16)).toBe(at);
  expect(new Set(ids.map((id) => id.slice(-10))).size).toBe(600);
});

import { expect, test } from "vitest";
import { TenantRates } from "./tenant-rates.ts";

test("tells what a tenant sent in this window or in the one before, whichever is more", () => {
  const rates = new TenantRates(1_000);
  expect([rates.add("a", 5_000), rates.add("a", 5_400), rates.add("b", 5_500), rates.add("a", 5_999)]).toEqual([0, 1, 0, 2]);
  expect([rates.add("a", 6_000), rates.add("b", 6_001)]).toEqual([3, 1]);
  expect(rates.add("a", 7_000)).toBe(1);
});

test("forgets after a window without anything, and takes a clock that goes back", () => {
  const rates = new TenantRates(1_000);
  rates.add("a", 5_000);
  expect(rates.add("a", 7_000)).toBe(0);
  expect(rates.add("a", 3_000)).toBe(0);
  expect(rates.add("a", 3_100)).toBe(1);
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { entitlementChangesShape, entitlementsSchema, expectedDrain, planRefusals } from "./entitlements.ts";

const TIERS = { a: 0, b: 1, c: 2, d: 3 };

test("a plan that says nothing has every entitlement", () => {
  const standard = entitlementsSchema.parse({});
  expect(Object.keys(standard)).toEqual(Object.keys(entitlementsSchema.shape));
  expect(standard).toMatchObject({ tierRank: 0, overQuota: "REJECT", alertPercents: [80, 100], nodeTypesDenied: [] });
});

test("a change has what it names and nothing else, in the form that a plan keeps", () => {
  const changes = z.strictObject(entitlementChangesShape);
  expect(changes.parse({})).toEqual({});
  expect(changes.parse({ alertPercents: [100, 50, 50], nodeTypesAllowed: ["b", "a", "b"] })).toEqual({ alertPercents: [50, 100], nodeTypesAllowed: ["a", "b"] });
  expect(changes.safeParse({ concurrencyMax: 257 }).success).toBe(false);
});

test("the lists of a plan are stronger than tiers, and what is denied stronger than what is allowed", () => {
  const plan = { ...entitlementsSchema.parse({ tierRank: 1, nodesPerWorkflowMax: 3 }), nodeTypesAllowed: ["d", "a"], nodeTypesDenied: ["a", "unknown"] };
  expect(planRefusals({ nodeCount: 4, nodeTypes: ["d", "c", "b", "a", "other", "unknown"] }, plan, TIERS)).toEqual({ hasTooManyNodes: true, deniedTypes: ["a", "c", "unknown"] });
  expect(planRefusals({ nodeCount: 3, nodeTypes: ["d", "b"] }, plan, TIERS)).toEqual({ hasTooManyNodes: false, deniedTypes: [] });
});

test("parked executions leave at the pace of the plan, in this window as far as there is room and then in the next", () => {
  const now = new Date("2026-11-29T12:00:00Z");
  const lot = { parked: 10, room: 10, quota: 100, drainPerMinute: 5, windowEnd: new Date("2026-12-01T00:00:00Z") };
  expect(expectedDrain(lot, now)).toEqual(new Date("2026-11-29T12:02:00Z"));
  expect(expectedDrain({ ...lot, room: 4 }, now)).toEqual(new Date("2026-12-01T00:01:12Z"));
  expect(expectedDrain({ ...lot, room: -3, parked: 101 }, now)).toBeNull();
  expect(expectedDrain({ ...lot, parked: 0 }, now)).toBeNull();
});

test("more room never makes the end later, and more parked executions never make it earlier", () => {
  const windowEnd = new Date("2026-12-01T00:00:00Z");
  const now = new Date("2026-11-29T12:00:00Z");
  // A pace at which the room of this window leaves before it ends.
  const lots = fc.record({ parked: fc.nat(1_000), room: fc.integer({ min: -50, max: 1_000 }), quota: fc.constant(2_000), drainPerMinute: fc.integer({ min: 1, max: 500 }) });
  fc.assert(
    fc.property(lots, fc.nat(100), (lot, more) => {
      const at = (parked: number, room: number): number => expectedDrain({ ...lot, parked, room, windowEnd }, now)?.getTime() ?? 0;
      expect(at(lot.parked, lot.room + more)).toBeLessThanOrEqual(at(lot.parked, lot.room));
      expect(at(lot.parked + more, lot.room)).toBeGreaterThanOrEqual(at(lot.parked, lot.room));
    }),
  );
});

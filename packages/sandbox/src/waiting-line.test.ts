import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WaitingLine } from "./waiting-line.ts";

const everybody = (): boolean => true;

function lineOf(...items: readonly (readonly [tenantId: string, item: string])[]): WaitingLine<string> {
  const line = new WaitingLine<string>({ perTenantMax: 3, totalMax: 5 });
  for (const [tenantId, item] of items) line.push(tenantId, item);
  return line;
}

describe("a waiting line", () => {
  test("serves tenants in turns, each in order", () => {
    const line = lineOf(["a", "a1"], ["a", "a2"], ["a", "a3"], ["b", "b1"]);
    expect([1, 2, 3, 4, 5].map(() => line.take(everybody))).toEqual(["a1", "b1", "a2", "a3", undefined]);
  });

  test("passes over tenants that may not go on", () => {
    const line = lineOf(["a", "a1"], ["b", "b1"]);
    expect(line.take((tenantId) => tenantId === "b")).toBe("b1");
    expect(line.take((tenantId) => tenantId === "b")).toBeUndefined();
    expect(line.take(everybody)).toBe("a1");
  });

  test("refuses what exceeds a tenant's room, and what exceeds all of it", () => {
    const line = lineOf(["a", "a1"], ["a", "a2"], ["a", "a3"]);
    expect(line.push("a", "a4")).toBe(false);
    expect([line.push("b", "b1"), line.push("b", "b2"), line.push("c", "c1")]).toEqual([true, true, false]);
    expect(line.size).toBe(5);
  });

  test("lets go of what no longer waits", () => {
    const line = lineOf(["a", "a1"], ["a", "a2"], ["b", "b1"]);
    expect([line.remove("a", "a1"), line.remove("a", "a1"), line.remove("c", "c1")]).toEqual([true, false, false]);
    expect([line.size, line.clear(), line.size, line.take(everybody)]).toEqual([2, ["a2", "b1"], 0, undefined]);
  });

  test("nobody waits longer than one turn of each other tenant", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 40 }), (tenants) => {
        const line = new WaitingLine<string>({ perTenantMax: 100, totalMax: 100 });
        for (const tenantId of tenants) line.push(tenantId, tenantId);
        const served = tenants.map(() => line.take(everybody));
        expect(new Map(Object.entries(Object.groupBy(served, String)))).toEqual(new Map(Object.entries(Object.groupBy(tenants, String))));
        // Among those that wait, as long as several do, no tenant is served twice before each other one was served.
        const waiting = new Set(tenants).size;
        expect(new Set(served.slice(0, waiting)).size).toBe(waiting);
      }),
    );
  });
});

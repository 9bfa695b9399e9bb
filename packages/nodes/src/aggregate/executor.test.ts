import type { Json, JsonObject } from "@fluxo/core/json";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { doneOf } from "../testing/done.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { nodeContext } from "../testing/node-context.ts";
import { decimalSum } from "./decimal-sum.ts";

const ALL = ["count", "sum", "min", "max", "average", "distinct", "collect"].map((operation) => ({ name: operation, operation, path: "n" }));

async function aggregated(params: JsonObject): Promise<Json> {
  return doneOf(await executeNode("aggregate", params, nodeContext())).output;
}

describe("aggregate", () => {
  test("of an empty list is exact", async () => {
    const values = { count: 0, sum: 0, min: null, max: null, average: null, distinct: [], collect: [] };
    await expect(aggregated({ items: [], fields: ALL })).resolves.toEqual({ count: 0, values, groups: [] });
    await expect(aggregated({ items: [], fields: ALL, groupBy: ["g"] })).resolves.toEqual({ count: 0, values, groups: [] });
  });

  test("leaves out missing values and null, takes numbers in texts", async () => {
    const values = { count: 4, sum: 4.5, min: -1, max: 3, average: 1.125, distinct: ["3", 2.5, -1, 0], collect: ["3", 2.5, -1, 0] };
    await expect(aggregated({ items: [{ n: "3" }, {}, { n: 2.5 }, { n: null }, 7, { n: -1 }, { n: 0 }], fields: ALL })).resolves.toEqual({ count: 7, values, groups: [] });
  });

  test("finds different values in depth, whatever the order of keys", async () => {
    const items = [{ a: 1, b: 2 }, { b: 2, a: 1 }, "1", 1, 1, [1]];
    await expect(aggregated({ items, fields: [{ name: "d", operation: "distinct" }] })).resolves.toMatchObject({ values: { d: [items[0], "1", 1, [1]] } });
  });

  test("groups by several values, in order of appearance; a missing one is null", async () => {
    const items: Json = JSON.parse('[{"a":1,"b":{"c":"x"},"n":1},{"n":2},{"a":"1","b":{"c":"x"},"n":3},{"a":1,"b":{"c":"x"},"n":4},{"__proto__":{"a":1},"n":5}]');
    await expect(aggregated({ items, groupBy: ["a", "b.c"], fields: [{ name: "s", operation: "sum", path: "n" }] })).resolves.toEqual({
      count: 5,
      values: { s: 15 },
      groups: [
        { key: [1, "x"], count: 2, values: { s: 5 } },
        { key: [null, null], count: 2, values: { s: 7 } },
        { key: ["1", "x"], count: 1, values: { s: 3 } },
      ],
    });
  });

  test("adds decimals as people do, in any order", async () => {
    await expect(aggregated({ items: [0.1, 0.2, 1e21, -1e21, 19.99], fields: [{ name: "s", operation: "sum" }] })).resolves.toMatchObject({ values: { s: 20.29 } });
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1_000_000, max: 1_000_000 })), (cents) => {
        const total = cents.reduce((sum, cent) => sum + cent, 0);
        expect(decimalSum(cents.map((cent) => cent / 100))).toBeCloseTo(total / 100, 9);
        expect(decimalSum(cents.map((cent) => Number(`${cent}e-2`)))).toBe(Number(`${total}e-2`));
        expect(decimalSum(cents.toReversed())).toBe(total + 0);
      }),
    );
  });

  test("adds the smallest and the largest numbers that there are", () => {
    expect(decimalSum([5e-324, 1e308, -1e308])).toBe(5e-324);
    expect(decimalSum([Number.MAX_VALUE, Number.MAX_VALUE])).toBe(Number.POSITIVE_INFINITY);
  });

  test.each<[string, JsonObject, string]>([
    ["a value that is no number", { items: [1, { a: "x" }], fields: [{ name: "s", operation: "sum", path: "a" }] }, "/items/1/a must be a number"],
    ["a boolean", { items: [true], fields: [{ name: "s", operation: "max" }] }, "/items/0 must be a number"],
    ["a number of many digits in a text", { items: ["9".repeat(65)], fields: [{ name: "s", operation: "average" }] }, "/items/0 must be a number"],
    ["a sum that overflows", { items: [1e308, 1e308], fields: [{ name: "s", operation: "sum" }] }, 'The sum "s" is too large'],
    ["a reserved name", { items: [], fields: [{ name: "__proto__", operation: "sum" }] }, "/fields/0/name"],
    ["the same name twice", { items: [], fields: [{ name: "a", operation: "sum" }, { name: "a", operation: "min" }] }, "/fields/1/name"],
    ["an unknown operation", { items: [], fields: [{ name: "a", operation: "median" }] }, "/fields/0/operation"],
  ])("refuses %s and names the place", async (_what, params, message) => {
    const error = await nodeErrorOf(executeNode("aggregate", params, nodeContext()));
    expect(error).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
    expect(error.message).toContain(message);
  });
});

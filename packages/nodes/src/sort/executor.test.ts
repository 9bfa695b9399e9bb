import type { Json } from "@fluxo/core/json";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { doneOf } from "../testing/done.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { nodeContext } from "../testing/node-context.ts";

async function sorted(items: Json, ...by: Json[]): Promise<Json[]> {
  const { output } = doneOf(await executeNode("sort", { items, by }, nodeContext()));
  expect(output).toMatchObject({ count: Object(items).length });
  return Object(output).items;
}

describe("sort", () => {
  test("orders numbers by size, also numbers in texts", async () => {
    await expect(sorted([10, "9", -1, 1e3, "1e1"], { as: "number" })).resolves.toEqual([-1, "9", 10, "1e1", 1e3]);
  });

  test("orders texts by code units, and numbers and booleans by their text", async () => {
    await expect(sorted(["b", "Z", "a", 10, 9, true, "ä"], {})).resolves.toEqual([10, 9, "Z", "a", "b", true, "ä"]);
  });

  test("ignores case when told", async () => {
    await expect(sorted(["b", "A", "a", "B"], { caseSensitive: false })).resolves.toEqual(["A", "a", "b", "B"]);
  });

  test("orders as a locale does", async () => {
    await expect(sorted(["z", "ä", "a", "item 10", "item 9"], { locale: "de" })).resolves.toEqual(["a", "ä", "item 9", "item 10", "z"]);
    await expect(sorted(["z", "ä", "a"], { locale: "sv" })).resolves.toEqual(["a", "z", "ä"]);
  });

  test("orders instants whatever their form", async () => {
    const items = ["2026-01-05T08:30:00+01:00", "2026-01-05", "Mon, 05 Jan 2026 07:00:00 GMT"];
    await expect(sorted(items, { as: "date" })).resolves.toEqual([items[1], items[2], items[0]]);
  });

  test("puts missing values last in either order, as they were", async () => {
    const items = [{ n: null, at: 1 }, { n: 2 }, { at: 2 }, { n: 1 }, 7];
    for (const [order, first] of [["ascending", [{ n: 1 }, { n: 2 }]], ["descending", [{ n: 2 }, { n: 1 }]]] as const) {
      await expect(sorted(items, { path: "n", as: "number", order })).resolves.toEqual([...first, items[0], items[2], items[4]]);
    }
  });

  test("is stable over several keys, whatever the list", async () => {
    const element = fc.record({ a: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constant(null)), b: fc.constantFrom("x", "X", "y", "é") });
    await fc.assert(
      fc.asyncProperty(fc.array(element, { maxLength: 60 }), fc.boolean(), fc.boolean(), async (list, descending, hasLocale) => {
        const items = list.map((item, place) => ({ ...item, place }));
        const order = descending ? "descending" : "ascending";
        const result = await sorted(items, { path: "a", as: "number", order }, { path: "b", caseSensitive: false, ...(hasLocale ? { locale: "en" } : {}) });
        expect(result).toHaveLength(items.length);
        for (const [index, right] of result.entries()) {
          const left = result[index - 1];
          if (left === undefined) continue;
          const [l, r] = [Object(left), Object(right)];
          const rank = (value: number | null): number => value ?? (descending ? -1 : 4);
          const byA = (rank(l.a) - rank(r.a)) * (descending ? -1 : 1);
          const [lb, rb] = [l.b.toLowerCase(), r.b.toLowerCase()];
          const byB = hasLocale ? new Intl.Collator("en").compare(lb, rb) : Number(lb > rb) - Number(lb < rb);
          expect(byA < 0 || (byA === 0 && (byB < 0 || (byB === 0 && l.place < r.place)))).toBe(true);
        }
      }),
    );
  });

  test("sorts 10,000 long texts of a locale, which a thread does", async () => {
    const items = Array.from({ length: 10_000 }, (_, index) => `${"prefix ".repeat(60)}${(index * 7_919) % 10_000}`);
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 5);
    await expect(sorted(items, { locale: "en" })).resolves.toEqual(items.toSorted());
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(5);
  });

  test.each<[string, Json[], Json, string]>([
    ["a text as number", [1, "1,5"], { as: "number" }, "/items/1 must be a number"],
    ["a number that overflows", ["1e999"], { as: "number" }, "/items/0 must be a number"],
    ["an object as text", [{ a: {} }], { path: "a" }, "/items/0/a must be a text"],
    ["a text as date", [{ a: "2026-02-30" }], { path: "a", as: "date" }, "/items/0/a must be a date"],
    ["a number as date", [0], { as: "date" }, "/items/0 must be a date"],
  ])("refuses %s and names the place, not the value", async (_what, items, key, message) => {
    const error = await nodeErrorOf(executeNode("sort", { items, by: [key] }, nodeContext()));
    expect(error).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
    expect(error.message).toContain(message);
  });

  test.each([{ by: [] }, { by: [{ path: "" }] }, { by: [{ locale: "not a locale" }] }, { by: [{ locale: "de-u-co-phonebk" }] }, { by: [{}], items: Array.from({ length: 10_001 }, () => 0) }])("refuses %o", async (params) => {
    await expect(executeNode("sort", { items: [], ...params }, nodeContext())).rejects.toMatchObject({ code: "PARAMS_INVALID" });
  });

  test("reads own members only", async () => {
    const items: Json = JSON.parse('[{"__proto__":2,"constructor":1},{"__proto__":1,"constructor":2},{}]');
    await expect(sorted(items, { path: "__proto__", as: "number" })).resolves.toEqual([Object(items)[1], Object(items)[0], {}]);
    await expect(sorted(items, { path: "constructor", as: "number" })).resolves.toEqual(items);
  });
});

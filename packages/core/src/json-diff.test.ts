import fc from "fast-check";
import { expect, test } from "vitest";
import type { Json } from "./json.ts";
import { applyChanges, diffJson, isSame, valueAt } from "./json-diff.ts";
import { jsonPointer, pointerPath } from "./json-pointer.ts";

const values = fc.jsonValue({ maxDepth: 4 }).map((value): Json => JSON.parse(JSON.stringify(value)));

test("applying the difference of two values to the first gives the second", () => {
  fc.assert(
    fc.property(values, values, (from, to) => {
      const result = applyChanges(from, diffJson(from, to));
      expect(result === undefined ? false : isSame(result, to)).toBe(true);
    }),
  );
});

test("equal values differ in nothing, whatever the order of their members", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), values), (object) => {
      const turned = Object.fromEntries(Object.entries(object).toReversed());
      expect(diffJson(object, turned)).toEqual([]);
    }),
  );
});

test("tells members and elements apart, and replaces an array of another length as a whole", () => {
  const from = { a: 1, list: [1, { x: 1 }], gone: null, same: { deep: true } };
  const to = { a: 2, list: [1, { x: 2 }], "new/one": [], same: { deep: true } };
  expect(diffJson(from, to)).toEqual([
    { op: "replace", path: "/a", from: 1, to: 2 },
    { op: "remove", path: "/gone", from: null },
    { op: "replace", path: "/list/1/x", from: 1, to: 2 },
    { op: "add", path: "/new~1one", to: [] },
  ]);
  expect(diffJson([1, 2], [1])).toEqual([{ op: "replace", path: "", from: [1, 2], to: [1] }]);
});

test("names of the object machinery are names like any other", () => {
  const to: Json = JSON.parse('{"__proto__":{"polluted":true},"constructor":1}');
  const result = applyChanges({}, diffJson({}, to));
  expect(JSON.stringify(result)).toBe(JSON.stringify(to));
  expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  expect(valueAt({}, "/constructor")).toBeUndefined();
});

test("a pointer leads to what it was made from", () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (path) => {
      expect(pointerPath(jsonPointer(path))).toEqual(path);
    }),
  );
  expect([valueAt({ a: [{ "b/c": 1 }] }, "/a/0/b~1c"), valueAt([1], "/-"), valueAt([1], "/01"), valueAt(3, "")]).toEqual([1, undefined, undefined, 3]);
});

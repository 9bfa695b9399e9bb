import type { Json } from "@fluxo/core/json";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pathSchema, refuseItem, valueAt } from "./path.ts";

const ROOT: Json = JSON.parse('{"a":{"b":[{"c":1},null]},"__proto__":{"own":true},"length":5,"":"empty"}');

describe("valueAt", () => {
  test.each([
    [undefined, ROOT],
    ["a.b.0.c", 1],
    ["a.b.1", null],
    ["__proto__.own", true],
    ["length", 5],
  ])("follows %j", (path, value) => {
    expect(valueAt(ROOT, path)).toEqual(value);
  });

  test.each(["a.x", "a.b.2", "a.b.length", "a.b.-1", "a.b.00", "a.b.0.c.d", "constructor", "constructor.name", "a.__proto__", "a.b.__proto__.map", "a.toString", "length.toFixed", "a.b.1.x"])("finds nothing at %j", (path) => {
    expect(valueAt(ROOT, path)).toBeUndefined();
  });

  test("never leaves the value, whatever the path", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.array(fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom("__proto__", "constructor", "prototype", "length", "0"))), (value, parts) => {
        const json: Json = JSON.parse(JSON.stringify(value));
        const found = valueAt(json, parts.length === 0 ? undefined : parts.join("."));
        expect(found === undefined || JSON.stringify(json).includes(JSON.stringify(found))).toBe(true);
      }),
    );
  });
});

test("paths are names with dots between them", () => {
  for (const path of ["a", "a.b", "ä b.0", "a-b.c_d"]) expect(pathSchema.safeParse(path).success).toBe(true);
  for (const path of ["", ".", "a.", ".a", "a..b", "a".repeat(257)]) expect(pathSchema.safeParse(path).success).toBe(false);
});

test("a refusal names the place and not the value", () => {
  expect(refuseItem("items", 3, "a/b.c", "must be a number").message).toBe("The value at /items/3/a~1b/c must be a number.");
});

import type { Json } from "@fluxo/core/json";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dangerousKeysOf, isJson, isJsonObject, isTooDeep, jsonObjectSchema, jsonValueSchema, MAX_JSON_DEPTH } from "./json.ts";

function nested(levels: number): Json {
  let value: Json = 1;
  for (let level = 0; level < levels; level += 1) {
    value = level % 2 === 0 ? [value] : { value };
  }
  return value;
}

describe("isJson", () => {
  test("accepts every JSON value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(isJson(value)).toBe(true);
        expect(isTooDeep(value)).toBe(false);
        expect(jsonValueSchema.parse(value)).toBe(value);
      }),
    );
  });

  test.each([undefined, Number.NaN, Number.POSITIVE_INFINITY, 1n, Symbol("s"), new Date(0), new Map(), () => 1, Buffer.from("x")])("refuses %s, also inside", (value) => {
    for (const candidate of [value, [value], { a: { b: [1, value] } }]) {
      expect(isJson(candidate)).toBe(false);
      expect(jsonValueSchema.safeParse(candidate).success).toBe(false);
    }
  });

  test("refuses holes and cycles", () => {
    const cycle: unknown[] = [];
    cycle.push(cycle, cycle);
    expect(isJson(Array.from({ length: 2 }))).toBe(false);
    expect(isJson(cycle)).toBe(false);
    expect(isTooDeep(cycle)).toBe(true);
  });

  test("bounds the depth, and walks any depth without recursion", () => {
    expect(isJson(nested(MAX_JSON_DEPTH))).toBe(true);
    expect(isTooDeep(nested(MAX_JSON_DEPTH))).toBe(false);
    expect(isJson(nested(MAX_JSON_DEPTH + 1))).toBe(false);
    expect(isTooDeep(nested(100_000))).toBe(true);
  });
});

describe("JSON objects", () => {
  test("are neither arrays nor scalars", () => {
    expect(isJsonObject({ a: 1 })).toBe(true);
    expect([[], null, "a", 1, true, undefined].filter(isJsonObject)).toEqual([]);
  });

  test("stay as they are, whatever their keys", () => {
    const value: unknown = JSON.parse('{"__proto__":{"a":1},"b":2}');
    expect(jsonObjectSchema.parse(value)).toBe(value);
  });

  test("tell their dangerous keys", () => {
    const value = jsonObjectSchema.parse(JSON.parse('{"__proto__":1,"constructor":2,"prototype":3,"a":{"constructor":1}}'));
    expect(dangerousKeysOf(value)).toEqual(["__proto__", "constructor", "prototype"]);
  });
});

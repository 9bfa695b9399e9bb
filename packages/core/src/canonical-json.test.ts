import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson } from "./canonical-json.ts";
import { at, compareText } from "./collections.ts";
import { jsonPointer } from "./json-pointer.ts";
import type { Json } from "./json.ts";
import { jsonBytes } from "./size.ts";

const jsonValues: fc.Arbitrary<Json> = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as Json);

test("canonical JSON says the same as JSON, in one way only", () => {
  expect(canonicalJson({ b: [1, { d: null, c: "x" }, []], a: -0, 10: true, 9: {} })).toBe('{"10":true,"9":{},"a":0,"b":[1,{"c":"x","d":null},[]]}');
  fc.assert(
    fc.property(jsonValues, (value) => {
      const text = canonicalJson(value);
      expect(JSON.parse(text)).toEqual(value);
      expect(canonicalJson(JSON.parse(text) as Json)).toBe(text);
      expect(text.length).toBe(JSON.stringify(value).length);
    }),
  );
});

test("canonical JSON works at any depth", () => {
  const text = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
  let deep: Json = [];
  for (let level = 1; level < 200_000; level += 1) {
    deep = [deep];
  }
  expect(canonicalJson(deep)).toBe(text);
  expect(jsonBytes(deep)).toBe(Number.POSITIVE_INFINITY);
});

test("jsonBytes counts UTF-8", () => {
  expect(jsonBytes("é")).toBe(4);
  fc.assert(
    fc.property(jsonValues, (value) => {
      expect(jsonBytes(value)).toBe(new TextEncoder().encode(JSON.stringify(value)).length);
    }),
  );
});

test("jsonBytes passes on what is no JSON value", () => {
  const circular: Json[] = [];
  circular.push(circular);
  expect(() => jsonBytes(circular)).toThrow(TypeError);
});

test("JSON pointers escape as RFC 6901 says", () => {
  expect(jsonPointer(["a/b", "m~n", 0, ""])).toBe("/a~1b/m~0n/0/");
  expect(jsonPointer([])).toBe("");
});

test("at and compareText", () => {
  expect(at([1], 0)).toBe(1);
  expect(() => at([1], 1)).toThrow(RangeError);
  expect(["b", "a", "B"].toSorted(compareText)).toEqual(["B", "a", "b"]);
  expect(compareText("a", "a")).toBe(0);
});

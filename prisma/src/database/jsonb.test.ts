import fc from "fast-check";
import { expect, test } from "vitest";
import { toJsonb } from "./jsonb.ts";

const refused = /\\u0000|\\ud[89a-f][0-9a-f]{2}/;

test.each([
  ["a\u0000b", '"a\\ufffdb"'],
  ["\ud800", '"\\ufffd"'],
  ["pair \ud83d\ude00", '"pair \ud83d\ude00"'],
  ["the text \\u0000", '"the text \\\\u0000"'],
  ["\\\u0000", '"\\\\\\ufffd"'],
])("%j is written so that jsonb takes it", (value, text) => {
  expect(toJsonb(value)).toBe(text);
});

test("undefined is null", () => {
  expect(toJsonb(undefined)).toBe("null");
});

test("any value stays JSON, loses nothing that jsonb holds, and has no escape that jsonb refuses", () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      const text = toJsonb(value);
      expect(text.replaceAll("\\\\", "")).not.toMatch(refused);
      const clean = JSON.stringify(value).replaceAll("\\\\", "");
      if (!refused.test(clean)) expect(text).toBe(JSON.stringify(value));
      JSON.parse(text);
    }),
  );
});

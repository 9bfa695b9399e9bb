import { RequestError } from "@fluxo/core/errors/request-error";
import fc from "fast-check";
import { expect, test } from "vitest";
import { BODY_DEPTH_MAX, parseJson } from "./body.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "utf8");

test("gives any JSON that has nothing refused as it is", () => {
  const safe = fc.string({ unit: "grapheme" }).filter((text) => text.isWellFormed() && !text.includes("\0"));
  const key = safe.filter((text) => !["__proto__", "constructor", "prototype"].includes(text));
  const value = fc.letrec((tie) => ({
    value: fc.oneof({ depthSize: "small" }, fc.constant(null), fc.boolean(), fc.integer(), safe, fc.array(tie("value")), fc.dictionary(key, tie("value"), { noNullPrototype: true })),
  })).value;
  fc.assert(
    fc.property(value, (given) => {
      expect(parseJson(bytes(JSON.stringify(given)))).toEqual(given);
    }),
  );
});

test("never fails in another way than by a refusal", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (given) => {
      try {
        parseJson(given);
      } catch (error) {
        expect(error).toBeInstanceOf(RequestError);
      }
    }),
  );
});

test("takes the deepest nesting that is allowed, and not one level more", () => {
  const nested = (depth: number): Uint8Array => bytes(`${"[".repeat(depth)}${"]".repeat(depth)}`);
  expect(() => parseJson(nested(BODY_DEPTH_MAX))).not.toThrow();
  expect(() => parseJson(nested(BODY_DEPTH_MAX + 1))).toThrow("is nested more than 64 levels deep");
});

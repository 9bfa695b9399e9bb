import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OUTPUT_DEPTH_MAX } from "./limits.ts";
import { checkOutput } from "./output.ts";

describe("a result", () => {
  test("is taken as it is when it is JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 10 }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes("__proto__"));
        expect(checkOutput(text)).toEqual({ kind: "json", value: JSON.parse(text) });
      }),
    );
  });

  test.each([
    ['{"a":[{"__proto__":{"admin":true}}]}', "__proto__"],
    ["[1e999]", "too large"],
    ["-1e999", "too large"],
    [`${"[".repeat(OUTPUT_DEPTH_MAX + 1)}${"]".repeat(OUTPUT_DEPTH_MAX + 1)}`, "64 levels"],
    [`${'{"a":'.repeat(200_000)}1${"}".repeat(200_000)}`, "64 levels"],
  ])("is refused with its reason: %.20s", (text, reason) => {
    expect(checkOutput(text)).toEqual({ kind: "refused", reason: expect.stringContaining(reason) });
  });

  test("may have as many levels as allowed, and keys that only look dangerous", () => {
    const text = `${"[".repeat(OUTPUT_DEPTH_MAX)}${"]".repeat(OUTPUT_DEPTH_MAX)}`;
    expect(checkOutput(text)).toEqual({ kind: "json", value: JSON.parse(text) });
    expect(checkOutput('{"constructor":{"prototype":1}}').kind).toBe("json");
  });

  test("that is no JSON is an error", () => {
    expect(() => checkOutput("alert(1)")).toThrow(SyntaxError);
  });
});

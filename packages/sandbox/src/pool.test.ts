import { afterAll, describe, expect, test } from "vitest";
import { INPUT_BYTES_MAX, LOG_LINES_MAX, SOURCE_BYTES_MAX } from "./limits.ts";
import { createPool, jobOf, outcomeOf } from "./testing/pool.ts";

const pool = createPool();
afterAll(() => pool.stop());

describe("a job", () => {
  test.each([
    ["return input.a + 1", { a: 1 }, 2],
    ["return", null, null],
    ["", null, null],
    ["return new Date(0)", null, "1970-01-01T00:00:00.000Z"],
    ["return new Date(0).getHours()", null, 0],
    ["return [undefined, () => 1]", null, [null, null]],
    ["return Promise.resolve(input)", "later", "later"],
    ["return (async () => { await null; return input.map((each) => each * 2); })()", [1, 2], [2, 4]],
    ["return btoa(input) + atob(btoa(input))", "aÿ?", "Yf8/aÿ?"],
    ["return '{{ trigger.body }}'", null, "{{ trigger.body }}"],
    ["// a comment at the end", null, null],
    ["return input", "𝄞 \u2028 \uD800", "𝄞 \u2028 \uD800"],
  ])("of JavaScript gives its result: %s", async (source, input, output) => {
    expect(await outcomeOf(pool, jobOf(source, { input }))).toEqual({ output });
  });

  test.each([
    ["$sum(items.price)", { items: [{ price: 1 }, { price: 2 }] }, 3],
    ["items.{ 'name': $uppercase(name) }", { items: [{ name: "a" }, { name: "b" }] }, [{ name: "A" }, { name: "B" }]],
    ["missing", {}, null],
    ["$base64decode($base64encode($))", "aÿ?", "aÿ?"],
    ["$fromMillis(0, '[Y]-[M01]-[D01]')", null, "1970-01-01"],
    ["$match($, /b+/).index", "aabb", 2],
    ["$eval('1 + 1')", null, 2],
    ["a ~> |$|{'b': 2}|", { a: { b: 1 } }, { b: 2 }],
  ])("of JSONata gives its result: %s", async (source, input, output) => {
    expect(await outcomeOf(pool, jobOf(source, { input, language: "jsonata" }))).toEqual({ output });
  });

  test.each([
    ["javascript", "return (", "CODE_INVALID", "(line 2)"],
    ["javascript", "\nthrow new TypeError('mine')", "CODE_FAILED", "TypeError: mine (line 2)"],
    ["javascript", "throw 'text'", "CODE_FAILED", "text"],
    ["javascript", "throw null", "CODE_FAILED", "null"],
    ["javascript", "console.log('one'); console.warn({ two: 2 }); nope", "CODE_FAILED", "ReferenceError: nope is not defined (line 1) It printed last: one | {\"two\":2}"],
    ["javascript", "return { a: { b: 0 / 0 } }", "CODE_FAILED", "\"b\" of the result is NaN"],
    ["javascript", "return 1n", "CODE_FAILED", "TypeError"],
    ["javascript", "return new Promise(() => {})", "CODE_FAILED", "nothing will settle"],
    ["javascript", "return Promise.reject(new Error('later'))", "CODE_FAILED", "Error: later"],
    ["javascript", "return JSON.parse('{\"__proto__\": 1}')", "CODE_FAILED", "__proto__"],
    ["jsonata", "a b", "CODE_INVALID", "at character 3"],
    ["jsonata", "$error('mine')", "CODE_FAILED", "mine"],
    ["jsonata", "1 + 'a'", "CODE_FAILED", "T2002"],
  ] as const)("of %s that fails says why: %s", async (language, source, code, message) => {
    expect(await outcomeOf(pool, jobOf(source, { language }))).toEqual({ code, errorClass: "DATA", message: expect.stringContaining(message) });
  });

  test("keeps the first lines that it prints, cut", async () => {
    const { logs } = await pool.run(jobOf("console.log('a'.repeat(5_000)); for (let i = 0; i < 1_000; i += 1) console.log(i, { i });"));
    expect([logs.length, logs[0]?.length, logs[1]]).toEqual([LOG_LINES_MAX, 1_000, '0 {"i":0}']);
  });

  test("is refused when its source, input or output is too large", async () => {
    expect(await outcomeOf(pool, jobOf(`// ${"é".repeat(SOURCE_BYTES_MAX / 2)}`))).toMatchObject({ code: "PARAMS_INVALID", errorClass: "DATA", message: expect.stringContaining("source") });
    expect(await outcomeOf(pool, jobOf("return 1", { input: "a".repeat(INPUT_BYTES_MAX) }))).toMatchObject({ code: "PARAMS_INVALID", message: expect.stringContaining("input") });
    expect(await outcomeOf(pool, jobOf("return 'é'.repeat(600)", { outputBytesMax: 1_000 }))).toMatchObject({ code: "OUTPUT_TOO_LARGE", errorClass: "DATA" });
    expect(await outcomeOf(pool, jobOf("return input.length", { input: "a".repeat(INPUT_BYTES_MAX - 2) }))).toEqual({ output: INPUT_BYTES_MAX - 2 });
  });

  test("leaves nothing behind for the next one, whatever it does", async () => {
    const spoil = `globalThis.left = 1; Object.prototype.left = 1; Array.prototype.map = () => "spoiled"; JSON.stringify = () => "spoiled"; Promise.prototype.then = () => {};
      Math.random = () => 4; console.log = () => {}; Object.freeze(Object.prototype); delete globalThis.Date; return "spoiled";`;
    const look = "console.log('seen'); return [typeof left, typeof ({}).left, [1].map((each) => each + 1), typeof Date, Math.random() < 1];";
    const clean = ["undefined", "undefined", [2], "function", true];
    for (const language of ["javascript", "jsonata"] as const) {
      await outcomeOf(pool, jobOf(spoil));
      expect(await pool.run(jobOf(look))).toEqual({ output: clean, logs: ["seen"] });
      expect(await outcomeOf(pool, jobOf("$map([1], function($each) { $each + 1 })", { language: "jsonata" }))).toEqual({ output: 2 });
      await outcomeOf(pool, jobOf("while (true) {}", { language, timeoutMs: 20 }));
      expect(await outcomeOf(pool, jobOf(look))).toEqual({ output: clean });
    }
  });

  test("draws other random numbers each time", async () => {
    const drawn = [await pool.run(jobOf("return Math.random()")), await pool.run(jobOf("return Math.random()"))];
    expect(drawn[0]?.output).not.toBe(drawn[1]?.output);
  });
});

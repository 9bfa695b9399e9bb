import fc from "fast-check";
import { expect, test } from "vitest";
import type { Json } from "../json.ts";
import { FILTERS, Refusal } from "./filters.ts";
import { MAX_ITEMS, MAX_TEXT_LENGTH } from "./values.ts";

function apply(name: string, value: Json, ...args: Json[]): Json | Refusal | undefined {
  return FILTERS.get(name)?.apply(value, args);
}

function reasonOf(result: Json | Refusal | undefined): string {
  return result instanceof Refusal ? result.reason : "none";
}

test.each<[string, Json, Json[], Json]>([
  ["default", null, [1], 1],
  ["default", "", [1], ""],
  ["json", { b: 1, a: [null] }, [], '{"a":[null],"b":1}'],
  ["parseJson", '{"a":[1]}', [], { a: [1] }],
  ["upper", "straße", [], "STRASSE"],
  ["lower", "ÄB", [], "äb"],
  ["trim", "  a \n", [], "a"],
  ["string", 1.5, [], "1.5"],
  ["string", null, [], ""],
  ["string", [1], [], "[1]"],
  ["number", " -1.5e1 ", [], -15],
  ["number", ".5", [], 0.5],
  ["number", 7, [], 7],
  ["boolean", true, [], true],
  ["boolean", "Yes", [], true],
  ["boolean", 0, [], false],
  ["boolean", false, [], false],
  ["boolean", 1, [], true],
  ["boolean", "1", [], true],
  ["boolean", "TRUE ", [], true],
  ["boolean", "0", [], false],
  ["boolean", "False", [], false],
  ["boolean", "no", [], false],
  ["join", [1, "a", null, { b: 1 }], [], '1,a,,{"b":1}'],
  ["join", ["a", "b"], [" / "], "a / b"],
  ["split", "a,b,", [","], ["a", "b", ""]],
  ["split", "a😀", [""], ["a", "😀"]],
  ["first", [1, 2], [], 1],
  ["first", [], [], null],
  ["last", [1, 2], [], 2],
  ["last", [], [], null],
  ["length", "a😀", [], 2],
  ["length", [1, 2, 3], [], 3],
  ["length", { a: 1 }, [], 1],
  ["keys", { b: 1, a: 2 }, [], ["a", "b"]],
  ["values", { b: 1, a: 2 }, [], [2, 1]],
  ["replace", "a.b.c", [".", "$&"], "a$&b$&c"],
  ["slice", "a😀bc", [1, -1], "😀b"],
  ["slice", [1, 2, 3], [-2], [2, 3]],
  ["round", 2.5, [], 3],
  ["round", -2.5, [], -3],
  ["round", 1.236, [2], 1.24],
  ["round", -0.2, [], 0],
  ["isoDate", 0, [], "1970-01-01T00:00:00.000Z"],
  ["isoDate", 1.5, ["s"], "1970-01-01T00:00:01.500Z"],
  ["isoDate", "2026-02-28", [], "2026-02-28T00:00:00.000Z"],
  ["isoDate", "2026-02-28T12:30", [], "2026-02-28T12:30:00.000Z"],
  ["isoDate", "2026-02-28 12:30:15.1234+02:00", ["s"], "2026-02-28T10:30:15.123Z"],
  ["isoDate", "2026-02-28T12:30:15-0530", [], "2026-02-28T18:00:15.000Z"],
  ["isoDate", "Sat, 28 Feb 2026 12:30:15 GMT", [], "2026-02-28T12:30:15.000Z"],
  ["isoDate", "1 Mar 2026 00:30 +0100", [], "2026-02-28T23:30:00.000Z"],
  ["urlEncode", "a b&ü", [], "a%20b%26%C3%BC"],
])("%s of %j with %j", (name, value, args, expected) => {
  expect(apply(name, value, ...args)).toEqual(expected);
});

const long = "x".repeat(MAX_TEXT_LENGTH);

test.each<[string, Json, Json[], string]>([
  ["upper", 1, [], "needs a text, and got a number"],
  ["upper", "ß".repeat(MAX_TEXT_LENGTH), [], "would make a text of more than 1000000 characters"],
  ["first", "a", [], "needs an array, and got a text"],
  ["keys", [1], [], "needs an object, and got an array"],
  ["json", long, [], "would make a text of more than 1000000 characters"],
  ["parseJson", "{", [], "needs a text that is JSON"],
  ["parseJson", `${long}x`, [], "reads at most 1000000 characters"],
  ["number", "1x", [], "needs a text that is a number, and got a text"],
  ["number", "1e999", [], "needs a text that is a number, and got a text"],
  ["number", true, [], "needs a text that is a number, and got a boolean"],
  ["boolean", {}, [], "needs true or false, 1 or 0, yes or no, and got an object"],
  ["join", null, [], "needs an array, and got null"],
  ["join", [], [1], "needs a text between the elements, and got a number"],
  ["join", [long, "x"], [], "would make a text of more than 1000000 characters"],
  ["split", 1, [","], "needs a text, and got a number"],
  ["split", "a", [1], "needs a text of at most 100 characters to split at"],
  ["split", long, [""], "would make more than 100000 elements"],
  ["split", ",".repeat(MAX_ITEMS), [","], "would make more than 100000 elements"],
  ["length", null, [], "needs a text, an array or an object, and got null"],
  ["replace", 1, ["a", "b"], "needs a text, and got a number"],
  ["replace", "a", ["", "b"], "needs a text of 1 to 100 characters to look for"],
  ["replace", "a", ["a", 1], "needs a text to put in place, and got a number"],
  ["replace", long, ["x", long], "would make a text of more than 1000000 characters"],
  ["slice", "a", ["x"], "needs whole numbers for start and end"],
  ["slice", "a", [0, 1.5], "needs whole numbers for start and end"],
  ["slice", 1, [0], "needs a text or an array, and got a number"],
  ["round", "1", [], "needs a number, and got a text"],
  ["round", 1, [16], "needs 0 to 15 digits"],
  ["isoDate", 0, ["h"], 'needs the unit "ms" or "s"'],
  ["isoDate", 1e300, [], "needs a date, or a number that is one, and got a number"],
  ["isoDate", null, [], "needs a date, or a number that is one, and got null"],
  ["isoDate", "2026-02-30", [], "needs a date, or a number that is one, and got a text"],
  ["isoDate", "2026-02-28T25:00", [], "needs a date, or a number that is one, and got a text"],
  ["isoDate", "2026-02-28T00:00+99:00", [], "needs a date, or a number that is one, and got a text"],
  ["isoDate", "1 Foo 2026 00:00 GMT", [], "needs a date, or a number that is one, and got a text"],
  ["isoDate", "tomorrow", [], "needs a date, or a number that is one, and got a text"],
  ["isoDate", "1".repeat(41), [], "needs a date, or a number that is one, and got a text"],
])("%s refuses", (name, value, args, reason) => {
  expect(reasonOf(apply(name, value, ...args))).toBe(reason);
});

test("every filter answers every value with a JSON value in bounds or a refusal, the same each time", () => {
  const value = fc.oneof(fc.jsonValue(), fc.string({ unit: "binary" }), fc.double()).map((each) => JSON.parse(JSON.stringify(each)) as Json);
  fc.assert(
    fc.property(fc.constantFrom(...FILTERS.keys()), value, fc.array(value, { maxLength: 2 }), (name, input, args) => {
      const filter = FILTERS.get(name);
      const given = args.slice(0, filter?.maxArgs ?? 0);
      const result = filter?.apply(input, given);
      if (!(result instanceof Refusal)) {
        expect(JSON.parse(JSON.stringify(result))).toEqual(result);
      }
      expect(filter?.apply(input, given)).toEqual(result);
    }),
    { numRuns: 500 },
  );
});

test("isoDate of what it made is the same", () => {
  fc.assert(
    fc.property(fc.date({ min: new Date("0000-01-01T00:00:00Z"), max: new Date("9999-12-31T23:59:59Z"), noInvalidDate: true }), (date) => {
      expect(apply("isoDate", date.toISOString())).toBe(date.toISOString());
      expect(apply("isoDate", date.getTime())).toBe(date.toISOString());
    }),
  );
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { NodeError } from "../errors/node-error.ts";
import { FILTERS } from "./filters.ts";
import { MAX_FILTERS, MAX_PATH_PARTS, parseTemplate, pathText, type Expression } from "./parse.ts";

function problemOf(text: string): string {
  try {
    parseTemplate(text);
    return "none";
  } catch (error) {
    expect(error).toBeInstanceOf(NodeError);
    expect(error).toMatchObject({ code: "TEMPLATE_SYNTAX", errorClass: "DATA" });
    return error instanceof Error ? error.message.replace("The template cannot be read at character ", "") : "";
  }
}

function only(text: string): Expression {
  const [expression, ...others] = parseTemplate(text);
  expect(others).toEqual([]);
  if (typeof expression !== "object") {
    throw new TypeError("expected an expression");
  }
  return expression;
}

test("text stands for itself", () => {
  expect(parseTemplate("")).toEqual([]);
  expect(parseTemplate('{"a": {"b": 1}} } {')).toEqual(['{"a": {"b": 1}} } {']);
  expect(parseTemplate("a {{ 1 }} b").map((part) => typeof part)).toEqual(["string", "object", "string"]);
});

test("paths", () => {
  expect(only('{{ trigger.body[0][ "key with space" ].x-y.0 }}').source).toEqual({ kind: "reference", scope: "trigger", name: "trigger", path: ["body", 0, "key with space", "x-y", "0"] });
  expect(only("{{execution}}").source).toMatchObject({ scope: "execution", path: [] });
  expect(only("{{ nodes.fetch.a }}").source).toEqual({ kind: "reference", scope: "node", name: "fetch", path: ["a"] });
  expect(only("{{ nodes['fetch'] }}").source).toMatchObject({ scope: "node", name: "fetch" });
  expect(only("{{ my-alias.a }}").source).toEqual({ kind: "reference", scope: "name", name: "my-alias", path: ["a"] });
  expect(only("{{\u00A0_x\n}}").source).toMatchObject({ name: "_x" });
});

test("literals and filters", () => {
  const value = (term: string): unknown => {
    const { source } = only(`{{ ${term} }}`);
    return source.kind === "literal" ? source.value : source;
  };
  expect(value('"{{"')).toBe("{{");
  expect(value(String.raw`'a\'b\n\u00e9\\}}'`)).toBe("a'b\né\\}}");
  expect(["-1.5e+2", "0", "7E-1", "3e2"].map(value)).toEqual([-150, 0, 0.7, 300]);
  expect(["true", "false", "null"].map(value)).toEqual([true, false, null]);
  expect(only('{{ a.b | default: trigger.c | slice: 1 , -2|upper }}').filters).toMatchObject([
    { name: "default", args: [{ kind: "reference", scope: "trigger", name: "trigger", path: ["c"] }] },
    { name: "slice", args: [{ kind: "literal", value: 1 }, { kind: "literal", value: -2 }] },
    { name: "upper", args: [] },
  ]);
});

test.each([
  ["{{ }}", "4: expected a reference, a text in quotes or a number."],
  ["{{ a", '5: expected "|" or "}}".'],
  ["{{ a b }}", '6: expected "|" or "}}".'],
  ["{{ a. }}", '6: expected a key of letters, digits, "_" or "-"; any other key is written ["key"].'],
  ["{{ a[x] }}", "6: expected an index or a key in quotes."],
  ["{{ a[-1] }}", "6: expected an index or a key in quotes."],
  ["{{ a[1 }}", '8: expected "]".'],
  ["{{ a[1234567890] }}", "6: the index is too large."],
  ["{{ nodes }}", '4: "nodes" must be followed by the id of a node.'],
  ["{{ nodes[0] }}", '4: "nodes" must be followed by the id of a node.'],
  ["{{ a.__proto__ }}", '5: the key "__proto__" is not allowed.'],
  ["{{ a['constructor'] }}", '5: the key "constructor" is not allowed.'],
  ["{{ prototype }}", '4: the key "prototype" is not allowed.'],
  ["{{ a | }}", "8: expected the name of a filter."],
  ["{{ a | toString }}", '8: there is no filter "toString".'],
  ["{{ a | upper: 1 }}", '8: the filter "upper" takes at most 0 arguments.'],
  ["{{ a | replace: 'x' }}", '8: the filter "replace" needs 2 arguments.'],
  ["{{ 'a }}", "4: the text is not closed."],
  [String.raw`{{ 'a\x' }}`, '6: after "\\" only a quote, \\, /, b, f, n, r, t or u and four hexadecimal digits may follow.'],
  [String.raw`{{ '\u12'`, '5: after "\\" only a quote, \\, /, b, f, n, r, t or u and four hexadecimal digits may follow.'],
  ["{{ '\\", '5: after "\\" only a quote, \\, /, b, f, n, r, t or u and four hexadecimal digits may follow.'],
  [String.raw`{{ '\ud83d' }}`, "4: the text holds a character that does not exist."],
  [String.raw`{{ '\u0000' }}`, "4: the text holds a character that does not exist."],
  ["{{ 1. }}", "6: expected a digit."],
  ["{{ -a }}", "5: expected a digit."],
  ["{{ 1e999 }}", "4: the number is too large."],
  [`{{ a${" | upper".repeat(MAX_FILTERS + 1)} }}`, "135: at most 16 filters are allowed."],
  [`{{ a${".b".repeat(MAX_PATH_PARTS + 1)} }}`, "133: a path has at most 64 steps."],
])("%s", (text, problem) => {
  expect(problemOf(text)).toBe(problem);
});

test("any text is read or refused with the one typed error", () => {
  const pieces = fc.constantFrom("{{", "}}", " ", "a", ".", "[", "]", "0", '"', "'", "\\", "u", "|", ":", ",", "-", "nodes", "trigger", "upper", "default", "1e", "{", "__proto__");
  fc.assert(fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.array(pieces).map((list) => list.join(""))), (text) => void problemOf(text)), { numRuns: 500 });
});

test("what is written from an expression reads as the same expression", () => {
  const part = fc.oneof(fc.nat({ max: 999_999_999 }), fc.string({ unit: "grapheme" })).filter((key) => typeof key === "number" || (!key.includes("\0") && !["__proto__", "constructor", "prototype"].includes(key)));
  const reference = fc.record({ kind: fc.constant("reference" as const), scope: fc.constant("node" as const), name: fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,9}$/).filter((name) => !["constructor", "prototype"].includes(name)), path: fc.array(part, { maxLength: 9 }) });
  fc.assert(
    fc.property(reference, fc.constantFrom(...[...FILTERS].filter(([, { minArgs }]) => minArgs === 0).map(([name]) => name)), (source, name) => {
      expect(parseTemplate(`x{{ ${pathText(source)} | ${name} }}`)).toEqual(["x", { source, filters: [{ name, filter: FILTERS.get(name), args: [] }] }]);
    }),
  );
});

test.each(["{{", "{", "}}", "{{ a }}", "{{ a | upper }}", "{{ 'a' }} b ", "{{ a.b[0]['c'] }}"])("1 MB of %j takes linear time", { timeout: 60_000 }, (piece) => {
  const text = piece.repeat(Math.ceil(1_000_000 / piece.length));
  const begun = performance.now();
  problemOf(text);
  problemOf(`{{ "${"a".repeat(1_000_000)}`);
  expect(performance.now() - begun).toBeLessThan(5_000);
});

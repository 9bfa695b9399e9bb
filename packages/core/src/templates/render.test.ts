import fc from "fast-check";
import { expect, test } from "vitest";
import { NodeError } from "../errors/node-error.ts";
import type { Json } from "../json.ts";
import { itemContext, templateContext } from "./context.ts";
import { scanTemplates } from "./references.ts";
import { compileTemplates, renderValue } from "./render.ts";

const big = "x".repeat(900_000);
const context = templateContext({
  trigger: { body: { count: 3, name: "Ada", none: null, list: ["a", { b: 1 }], "key with space": true }, big, lines: Array.from({ length: 90_000 }, () => big.slice(0, 9)) },
  execution: { id: "e1" },
  outputs: new Map<string, Json>([
    ["fetch", { status: 200, user: { z: 1, a: 2 }, 5: "five" }],
    ["empty", null],
  ]),
  aliases: new Map([["page", "fetch"]]),
});

const render = (value: Json): Json => renderValue(value, context);

function failureOf(value: Json): string {
  try {
    render(value);
    return "none";
  } catch (error) {
    expect(error).toBeInstanceOf(NodeError);
    return error instanceof NodeError ? `${error.errorClass} ${error.code} ${error.message}` : "";
  }
}

test.each<[Json, Json]>([
  ["{{ trigger.body.count }}", 3],
  ["{{ trigger.body }}", { count: 3, name: "Ada", none: null, list: ["a", { b: 1 }], "key with space": true }],
  ["{{ trigger.body.none }}", null],
  ["{{ trigger.body.list[1].b }}{{ trigger.body.list.0 }}", "1a"],
  ["{{ trigger.body['key with space'] }}", true],
  ["{{ fetch.status }}/{{ page.status }}/{{ nodes.fetch.status }}/{{ execution.id }}", "200/200/200/e1"],
  ["{{ fetch[5] }}", "five"],
  ["{{ empty }}", null],
  ["Hello {{ trigger.body.name | upper }}, {{ fetch.user }} {{ trigger.body.none }}!", 'Hello ADA, {"a":2,"z":1} !'],
  [" {{ trigger.body.count }}", " 3"],
  ['{{ "{{" }} x }}', "{{ x }}"],
  ["{{ gone.x | default: 'y' }}", "y"],
  ["{{ fetch.user.name | upper | default: trigger.body.name | lower }}", "ada"],
  ["{{ trigger.body.none | default: 0 }}", 0],
  ["{{ trigger.body.name | default: gone.x }}", "Ada"],
  ["{{ trigger.body.list | length }}", 2],
  [{ a: ["{{ trigger.body.count }}", { "{{ key }}": "{{ execution.id }}" }], b: [1], c: {} }, { a: [3, { "{{ key }}": "e1" }], b: [1], c: {} }],
])("%j", (value, expected) => {
  expect(render(value)).toEqual(expected);
});

test.each<[Json, string]>([
  ["{{ gone.a.b }}", 'DATA TEMPLATE_REFERENCE_MISSING The template names gone.a.b, which is not there: the node "gone" has no output here.'],
  ["{{ nodes.page.a }}", 'DATA TEMPLATE_REFERENCE_MISSING The template names nodes.page.a, which is not there: the node "page" has no output here.'],
  ["{{ fetch.user.name.first }}", 'DATA TEMPLATE_REFERENCE_MISSING The template names fetch.user.name.first, which is not there: fetch.user is an object without "name".'],
  ["{{ trigger.body.list[2].x }}", "DATA TEMPLATE_REFERENCE_MISSING The template names trigger.body.list[2].x, which is not there: trigger.body.list is an array without element 2."],
  ["{{ trigger.body.list.length }}", 'DATA TEMPLATE_REFERENCE_MISSING The template names trigger.body.list.length, which is not there: trigger.body.list is an array without "length".'],
  ["{{ trigger.body.name.length }}", 'DATA TEMPLATE_REFERENCE_MISSING The template names trigger.body.name.length, which is not there: trigger.body.name is a text without "length".'],
  ["{{ fetch.toString }}", 'DATA TEMPLATE_REFERENCE_MISSING The template names fetch.toString, which is not there: fetch is an object without "toString".'],
  ["{{ gone | default: missing.x }}", 'DATA TEMPLATE_REFERENCE_MISSING The template names missing.x, which is not there: the node "missing" has no output here.'],
  ["{{ trigger.body.count | upper }}", 'DATA TEMPLATE_VALUE_REFUSED The filter "upper" cannot be applied to trigger.body.count: it needs a text, and got a number.'],
  ["{{ 1 | upper }}", 'DATA TEMPLATE_VALUE_REFUSED The filter "upper" cannot be applied to a literal: it needs a text, and got a number.'],
  ["{{ a", 'DATA TEMPLATE_SYNTAX The template cannot be read at character 5: expected "|" or "}}".'],
  ["{{ trigger.big }} {{ trigger.big }}", "DATA TEMPLATE_VALUE_REFUSED A template would make a text of more than 1000000 characters."],
])("%s fails", (value, failure) => {
  expect(failureOf(value)).toBe(failure);
});

test("what many references bring in together is bounded, in size and in work", { timeout: 60_000 }, () => {
  const many = (template: string, count: number): Json => Array.from({ length: count }, () => template);
  expect(failureOf(many("{{ trigger.big }}", 18))).toBe("none");
  expect(failureOf(many("{{ trigger.big }}", 19))).toContain("more than 16777216 bytes");
  expect(failureOf(many("{{ trigger }}", 50_000))).toContain("more than 16777216 bytes");
  expect(failureOf(many("{{ trigger.lines | join | length }}", 1_000))).toContain("more than 33554432 characters");
  expect(failureOf(many("{{ trigger.big | slice: 0, 1 }}", 1_000))).toContain("more than 33554432 characters");
});

test("a key __proto__ stays a key", () => {
  const params = JSON.parse('{"__proto__": {"polluted": "{{ execution.id }}"}}') as { [key: string]: Json };
  const rendered = compileTemplates(params).render(context);
  expect(Object.getOwnPropertyDescriptor(rendered, "__proto__")?.value).toEqual({ polluted: "e1" });
  expect(Object.getPrototypeOf(rendered)).toBe(Object.prototype);
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});

test("64 levels are the limit", () => {
  const nested = (levels: number): Json => Array.from({ length: levels }).reduce<Json>((value) => [value], "{{ execution.id }}");
  expect(JSON.stringify(render(nested(64)))).toContain('"e1"');
  expect(failureOf(nested(65))).toBe("DATA PARAMS_INVALID Parameters may have at most 64 levels.");
});

test("compiled once, rendered for many contexts; references come with their place", () => {
  const compiled = compileTemplates({ "a/b": ["{{ trigger.x | default: page.y }}"], plain: { x: 1 } });
  const other = templateContext({ trigger: { x: "other" }, execution: {}, outputs: new Map(), aliases: new Map() });
  expect(compiled.render(other)).toEqual({ "a/b": ["other"], plain: { x: 1 } });
  expect(() => compiled.render(context)).toThrow("page.y");
  expect(compiled.references.map(({ path, reference }) => [path, reference.name])).toEqual([
    ["/a~1b/0", "trigger"],
    ["/a~1b/0", "page"],
  ]);
  expect(compileTemplates({}).references).toEqual([]);
});

test("all references and problems of parameters are found at once", () => {
  const { references, problems } = scanTemplates({ a: "{{ x }}", b: ["{{", "{{ y.z }} {{"], c: "plain" });
  expect(references.map(({ path }) => path)).toEqual(["/a"]);
  expect(problems.map(({ path, error }) => [path, error.code])).toEqual([
    ["/b/0", "TEMPLATE_SYNTAX"],
    ["/b/1", "TEMPLATE_SYNTAX"],
  ]);
});

test("a value without templates renders as itself, and a whole expression as the value it names", () => {
  const value = fc.jsonValue({ maxDepth: 5 }).map((each) => JSON.parse(JSON.stringify(each).replaceAll("{{", "")) as Json);
  fc.assert(
    fc.property(value, (any) => {
      expect(render(any)).toEqual(any);
      const around = templateContext({ trigger: any, execution: {}, outputs: new Map([["n", any]]), aliases: new Map() });
      expect(renderValue({ x: "{{ trigger }}", y: ["{{ n }}"] }, around)).toEqual({ x: any, y: [any] });
    }),
  );
});

test("any parameters over any data render or fail with the typed error", () => {
  const text = fc.array(fc.constantFrom("{{ ", " }}", "trigger", ".a", "[0]", " | ", "upper", "json", "default: 1", "length", "'x'", " "), { maxLength: 10 }).map((pieces) => pieces.join(""));
  const data = fc.jsonValue().map((each) => JSON.parse(JSON.stringify({ a: each })) as Json);
  fc.assert(
    fc.property(fc.array(text), data, (value, trigger) => {
      try {
        renderValue(value, templateContext({ trigger, execution: {}, outputs: new Map(), aliases: new Map() }));
      } catch (error) {
        expect(error).toBeInstanceOf(NodeError);
      }
    }),
    { numRuns: 300 },
  );
});

test("in the body of a loop, templates see the item, its place, the nodes of its body, and all that is seen around", () => {
  const around = templateContext({ trigger: { t: 1 }, execution: { id: "x" }, outputs: new Map<string, Json>([["before", { b: 2 }], ["inside", "hidden"]]), aliases: new Map([["alias", "inside"]]) });
  const inside = itemContext(around, { item: { id: 7, tags: ["a"] }, index: 3, count: 5, outputs: new Map<string, Json>([["inside", null]]) });
  const value = { item: "{{ item.id }}", tag: "{{ item.tags[0] }}", place: "{{ loop.index }} of {{ loop.count }}", rest: "{{ trigger.t }}{{ execution.id }}{{ before.b }}", own: "{{ alias }}", id: "{{ nodes.inside }}" };
  expect(renderValue(value, inside)).toEqual({ item: 7, tag: "a", place: "3 of 5", rest: "1x2", own: null, id: null });
  for (const text of ["{{ item }}", "{{ loop.index }}"]) {
    expect(() => renderValue(text, around)).toThrow("it is there in the body of a loop only");
    expect(renderValue(text.replace(" }}", " | default: 1 }}"), around)).toBe(1);
  }
});

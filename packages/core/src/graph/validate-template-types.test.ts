import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import type { Json } from "../json.ts";
import { defineNode, MAIN_PORT, type NodeDefinition } from "../node/definition.ts";
import { pathText, type PathPart } from "../templates/parse.ts";
import { graphOf, TEST_CATALOG } from "./graphs.test-support.ts";
import { filledInSchema, jsonSchemaOf, kindsOf, typeAtPath } from "./output-types.ts";
import type { GraphIssue } from "./issue.ts";
import type { NodeCatalog } from "./catalog.ts";
import { checkGraph } from "./validate.ts";

const output = z.strictObject({
  status: z.int(),
  headers: z.record(z.string(), z.string()),
  body: z.unknown(),
  rows: z.array(z.strictObject({ id: z.number(), name: z.string().nullable() })),
  either: z.union([z.strictObject({ a: z.string() }), z.strictObject({ b: z.number() })]),
  loose: z.object({ known: z.string() }),
});

function typed(type: string, params: z.ZodType, out: z.ZodType): NodeDefinition {
  return defineNode({ type, kind: "data", title: type, docs: type, tier: "FREE", params, output: out, ports: () => MAIN_PORT, retryClass: "never", sideEffect: "none", integration: null, defaultTimeoutMs: 1_000, examples: [] });
}

const DEFINITIONS = [
  typed("source", z.strictObject({}), output),
  typed("taker", z.strictObject({ count: z.int().optional(), text: z.string().optional(), list: z.array(z.string()).optional(), any: z.unknown().optional(), rows: z.array(z.strictObject({ n: z.number() })).optional() }), z.json()),
  { ...typed("fields", z.strictObject({ fields: z.record(z.string(), z.json()) }), z.json()), outputSchema: ({ fields }: Readonly<Record<string, unknown>>) => filledInSchema(z.record(z.string(), z.json()).parse(fields)) },
];
const catalog: NodeCatalog = { get: (type) => DEFINITIONS.find((known) => known.type === type) ?? TEST_CATALOG.get(type) };

function check(params: Record<string, Json>, source: { onError?: "continue" | "branch"; alias?: string } = {}) {
  const nodes = [{ id: "start", type: "manual" }, { id: "src", type: "source", ...source }, { id: "fix", type: "fields", params: { fields: { n: 1, text: "a {{ src.status }}", deep: { x: true }, any: "{{ src.body }}" } } }, { id: "use", type: "taker", params }];
  const told = (issues: readonly GraphIssue[]): string[] => issues.map(({ code, path, message }) => `${code} ${path} ${message}`);
  const { issues, warnings } = checkGraph(graphOf(nodes, [["start", "src"], ["src", "fix"], ["fix", "use"]]), catalog);
  return { issues: told(issues), warnings: told(warnings) };
}

test("a member that a closed contract does not have is an error that says what is there", () => {
  expect(check({ any: "{{ src.state }}" })).toEqual({
    issues: ['TEMPLATE_PATH_UNKNOWN /nodes/3/params/any The template names src.state, which is never there: src has "status", "headers", "body", "rows", "either", "loose".'],
    warnings: [],
  });
  expect(check({ text: "x {{ nodes.src.rows[0].title }}" }).issues).toEqual(['TEMPLATE_PATH_UNKNOWN /nodes/3/params/text The template names nodes.src.rows[0].title, which is never there: nodes.src.rows[0] has "id", "name".']);
  expect(check({ any: "{{ page.status.code }}" }, { alias: "page" }).issues).toEqual(["TEMPLATE_PATH_UNKNOWN /nodes/3/params/any The template names page.status.code, which is never there: page.status is a number."]);
  expect(check({ any: "{{ src.rows.first }}" }).issues[0]).toContain("src.rows is an array.");
  expect(check({ any: "{{ src.either.c }}" }).issues[0]).toContain('src.either has "a", "b".');
});

test.each(["{{ src }}", "{{ src.status }}", "{{ src.headers.any }}", "{{ src.body.whatever[3] }}", "{{ src.rows[7].name }}", "{{ src.rows.0.id }}", "{{ src.either.a }}", "{{ src.either.b }}", "{{ src.loose.unknown }}", "{{ trigger.x.y }}", "{{ fix.any.x }}", "{{ fix.deep.x }}"])(
  "what is there or left open is not judged: %s",
  (template) => {
    expect(check({ any: template })).toEqual({ issues: [], warnings: [] });
  },
);

test("a default makes it a warning; the argument of a filter is judged as any reference", () => {
  const { issues, warnings } = check({ any: "{{ src.state | default: 1 }}" });
  expect([issues, warnings.length, warnings[0]]).toEqual([[], 1, expect.stringContaining("Its default always takes its place.")]);
  expect(check({ any: "{{ src.body | default: src.state }}" }).issues).toHaveLength(1);
});

test("what the parameters tell narrows the contract", () => {
  expect(check({ any: "{{ fix.m }}" }).issues[0]).toContain('fix has "n", "text", "deep", "any".');
  expect(check({ any: "{{ fix.deep.y }}" }).issues[0]).toContain('fix.deep has "x".');
  expect(check({ any: "{{ fix.text.length }}" }).issues[0]).toContain("fix.text is a text.");
});

test("a handled failure is a possible output", () => {
  expect(check({ any: "{{ src.error.message }}" }).issues).toHaveLength(1);
  for (const onError of ["continue", "branch"] as const) {
    expect(check({ any: "{{ src.error.message }}{{ src.status }}" }, { onError }).issues).toEqual([]);
    expect(check({ any: "{{ src.error.text }}" }, { onError }).issues).toHaveLength(1);
  }
});

test("a kind of value that cannot fit the parameter is a warning", () => {
  expect(check({ count: "{{ src.rows }}" })).toEqual({ issues: [], warnings: ["TEMPLATE_TYPE_MISMATCH /nodes/3/params/count The template gives an array: src.rows; the parameter takes a number."] });
  expect(check({ text: "{{ src.rows[0] }}" }).warnings).toEqual(["TEMPLATE_TYPE_MISMATCH /nodes/3/params/text The template gives an object: src.rows[0]; the parameter takes a text."]);
  expect(check({ rows: [{ n: "{{ src.rows[0].name }}" }] }).warnings[0]).toContain("gives a text or null");
  for (const fine of [{ count: "{{ src.status }}" }, { text: "{{ src.rows[0].name }}" }, { text: "{{ src.rows }}!" }, { text: "{{ src.rows | json }}" }, { count: "{{ src.body }}" }, { any: "{{ src.rows }}" }, { list: ["{{ src.rows[0].name }}"] }]) {
    expect(check(fine), JSON.stringify(fine)).toEqual({ issues: [], warnings: [] });
  }
});

test("a name that cannot be there is one issue, not two", () => {
  const graph = graphOf([{ id: "start", type: "manual" }, { id: "use", type: "taker", params: { any: "{{ src.state }}" } }, { id: "src", type: "source" }], [["start", "use"], ["use", "src"]]);
  expect(checkGraph(graph, catalog).issues.map(({ code }) => code)).toEqual(["TEMPLATE_REFERENCE_UNKNOWN"]);
});

/** Follows a path in a value, as templates do. */
function has(value: unknown, path: readonly PathPart[]): boolean {
  let current: unknown = value;
  for (const part of path) {
    const isIndex = typeof part === "number" || /^\d+$/.test(part);
    if (typeof current !== "object" || current === null || (Array.isArray(current) && !isIndex) || !Object.hasOwn(current, part)) return false;
    current = Object.getOwnPropertyDescriptor(current, part)?.value;
  }
  return true;
}

const outputs = fc.record({
  status: fc.integer(),
  headers: fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), fc.string()),
  body: fc.jsonValue(),
  rows: fc.array(fc.record({ id: fc.integer(), name: fc.option(fc.string()) }), { maxLength: 3 }),
  either: fc.oneof(fc.record({ a: fc.string() }), fc.record({ b: fc.integer() })),
  loose: fc.record({ known: fc.string() }),
});
const steps: fc.Arbitrary<PathPart> = fc.oneof(fc.constantFrom("status", "headers", "body", "rows", "either", "loose", "id", "name", "a", "b", "known", "0", "x"), fc.nat({ max: 2 }));

test("no path that some fitting output has is ever called missing", () => {
  const schema = jsonSchemaOf(output);
  fc.assert(
    fc.property(outputs, fc.array(steps, { maxLength: 4 }), (value, path) => {
      expect(output.safeParse(value).success).toBe(true);
      if (has(value, path)) expect(typeAtPath(schema, path).kind, pathText({ kind: "reference", scope: "name", name: "src", path })).not.toBe("missing");
    }),
    { numRuns: 2_000 },
  );
});

test("a schema of saved fields fits every value that they become, and tells its kind", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const kinds = kindsOf(filledInSchema(value as Json));
      const kind = value === null ? "null" : Array.isArray(value) ? "array" : typeof value === "string" ? "text" : typeof value;
      if (typeof value !== "string" || !value.includes("{{")) expect([...(kinds ?? [])]).toEqual([kind]);
    }),
  );
});

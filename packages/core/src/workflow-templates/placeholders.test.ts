import { expect, test } from "vitest";
import type { CREDENTIAL_KINDS } from "../credentials/kinds.ts";
import { graphOf, TEST_CATALOG } from "../graph/graphs.test-support.ts";
import type { Json } from "../json.ts";
import { templateParametersSchema } from "./parameters.ts";
import { findPlaceholderIssues, renderTemplate } from "./placeholders.ts";

const parameters = templateParametersSchema.parse([
  { name: "shop", title: "Shop", type: "string" },
  { name: "count", title: "Count", type: "number" },
  { name: "key", title: "Key", type: "credential", kinds: ["bearer"] },
]);
/** The small catalog with a node that takes a credential and one that takes code. */
const catalog = {
  get: (type: string) => {
    const definition = TEST_CATALOG.get(type);
    if (type !== "http" || definition === undefined) return definition;
    return { ...definition, credentials: [{ param: "credential", kinds: ["bearer", "basic"] satisfies (keyof typeof CREDENTIAL_KINDS)[] }], literalParams: ["code"] };
  },
};
const graph = (params: Record<string, Json>, type = "set") => graphOf([{ id: "n", type, params }]);
const messages = (params: Record<string, Json>, type?: string) => findPlaceholderIssues(graph(params, type), parameters, catalog).map(({ path }) => path);

test("fills in values, text and literals at any depth, and leaves the engine's templates alone", () => {
  const given = graph({ a: { $param: "count" }, b: [{ c: { $text: ["Dear ", { $param: "shop" }, ", {{ trigger.name }} bought ", { $param: "count" }] } }], d: { $literal: { $param: "as it is" } }, e: "$param" });
  expect(renderTemplate(given, { shop: "Bakery", count: 3 }).nodes[0]?.params).toEqual({ a: 3, b: [{ c: "Dear Bakery, {{ trigger.name }} bought 3" }], d: { $param: "as it is" }, e: "$param" });
});

test("finds what is malformed or not declared", () => {
  expect(messages({ a: { $param: "shop" }, b: { $literal: 1 } })).toEqual([]);
  expect(messages({ a: { $param: "nobody" }, b: { $param: "shop", more: 1 }, c: { $text: "no list" }, d: { $text: ["x", 1, { $literal: "y" }] }, e: [{ f: { $param: 3 } }], g: { $param: "constructor" } })).toEqual([
    "/nodes/0/params/a",
    "/nodes/0/params/b",
    "/nodes/0/params/c",
    "/nodes/0/params/d/$text/1",
    "/nodes/0/params/d/$text/2",
    "/nodes/0/params/e/0/f",
    "/nodes/0/params/g",
  ]);
});

test("credentials stand where credentials belong, and nothing else does", () => {
  expect(messages({ credential: { $param: "key" } }, "http")).toEqual([]);
  expect(messages({ credential: { $param: "shop" } }, "http")).toEqual(["/nodes/0/params/credential"]);
  expect(messages({ credential: { $text: [{ $param: "shop" }] } }, "http")).toEqual(["/nodes/0/params/credential"]);
  expect(messages({ url: { $param: "key" }, other: { credential: { $param: "key" } } }, "http")).toEqual(["/nodes/0/params/url", "/nodes/0/params/other/credential"]);
});

test("no value becomes code", () => {
  expect(messages({ code: { $text: ["return ", { $param: "shop" }] } }, "http")).toEqual(["/nodes/0/params/code"]);
  expect(messages({ code: [{ $literal: 1 }] }, "http")).toEqual(["/nodes/0/params/code"]);
});

test("a placeholder without a value is a defect of the caller", () => {
  expect(() => renderTemplate(graph({ a: { $param: "shop" } }), {})).toThrow(RangeError);
  expect(() => renderTemplate(graph({ a: { $param: "toString" } }), {})).toThrow(RangeError);
  expect(() => renderTemplate(graph({ a: { $text: "x" } }), {})).toThrow(RangeError);
});

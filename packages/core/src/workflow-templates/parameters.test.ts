import { expect, test } from "vitest";
import { carriedValues, resolveParameters, sampleValues, templateParametersSchema } from "./parameters.ts";

const parameters = templateParametersSchema.parse([
  { name: "shop", title: "Shop", type: "string", maxLength: 20, example: "Bakery" },
  { name: "greeting", title: "Greeting", type: "string", default: "Hello" },
  { name: "count", title: "Count", type: "number", isInteger: true, min: 1, max: 10 },
  { name: "isLoud", title: "Loud", type: "boolean", default: false },
  { name: "tone", title: "Tone", type: "enum", options: ["warm", "short"], default: "warm" },
  { name: "mailbox", title: "Mailbox", type: "credential", kinds: ["smtp"] },
]);
const mailbox = "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b";

test("takes what is given, else the defaults", () => {
  const { values, issues } = resolveParameters(parameters, { shop: "Bakery", count: 3, mailbox });
  expect(issues).toEqual([]);
  expect(values).toEqual({ shop: "Bakery", greeting: "Hello", count: 3, isLoud: false, tone: "warm", mailbox });
});

test("says of each value what is wrong with it", () => {
  const { issues } = resolveParameters(parameters, { shop: "A name that is much too long", greeting: "Hi {{ execution.id }}", count: 2.5, isLoud: "yes", tone: "rude", mailbox: "x", other: 1 });
  expect(issues.map(({ path }) => path)).toEqual(["/other", "/shop", "/greeting", "/count", "/isLoud", "/tone", "/mailbox"]);
  expect(resolveParameters(parameters, {}).issues.map(({ path, code }) => [path, code])).toEqual([["/shop", "required"], ["/count", "required"], ["/mailbox", "required"]]);
});

test("names of the object machinery are no parameters", () => {
  const parsed = templateParametersSchema.safeParse([{ name: "constructor", title: "X", type: "string" }]);
  expect(resolveParameters(parsed.data ?? [], {}).issues).toEqual([expect.objectContaining({ code: "required" })]);
});

test("refuses a name that is there twice, and defaults that the parameter itself would not take", () => {
  const text = { title: "T", type: "string" };
  const paths = (list: unknown) => [...new Set(templateParametersSchema.safeParse(list).error?.issues.map(({ path }) => path.join("/")))];
  expect(paths([{ ...text, name: "a" }, { ...text, name: "a" }])).toEqual(["1/name"]);
  expect(paths([{ ...text, name: "a", default: "{{ trigger }}" }])).toEqual(["0/default"]);
  expect(paths([{ name: "a", title: "T", type: "number", max: 1, default: 2 }])).toEqual(["0/default"]);
  expect(paths([{ name: "a", title: "T", type: "enum", options: ["x"], default: "y" }])).toEqual(["0/default"]);
});

test("samples fit, and values are carried over while they do", () => {
  expect(resolveParameters(parameters, sampleValues(parameters)).issues).toEqual([]);
  const next = templateParametersSchema.parse([{ name: "shop", title: "Shop", type: "string", maxLength: 3 }, { name: "count", title: "Count", type: "number" }]);
  expect(carriedValues(next, { shop: "Bakery", count: 3, tone: "warm" })).toEqual({ count: 3 });
});

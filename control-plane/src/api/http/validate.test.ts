import { RequestError } from "@fluxo/core/errors/request-error";
import { expect, test } from "vitest";
import { z } from "zod";
import { decodePageToken, encodePageToken } from "./page-token.ts";
import { validatePart, withLists } from "./validate.ts";

function issuesOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    if (error instanceof RequestError) return error.issues.map(({ path, code }) => [path, code]);
    throw error;
  }
  return [];
}

test("points at every fault, with special characters of names escaped", () => {
  const schema = z.strictObject({ list: z.array(z.strictObject({ "a/b~c": z.int() })), name: z.string() });
  expect(issuesOf(() => validatePart(schema, { list: [{ "a/b~c": 1 }, { "a/b~c": "x" }], one: 1, two: 2 }, "body"))).toEqual([
    ["/body/list/1/a~1b~0c", "invalid_type"],
    ["/body/name", "invalid_type"],
    ["/body/one", "unrecognized_keys"],
    ["/body/two", "unrecognized_keys"],
  ]);
});

test("says in plain words what is missing, and in the schema's own where it has some", () => {
  const schema = z.strictObject({ name: z.string(), labels: z.record(z.string(), z.string()), code: z.string("must be a code"), kind: z.enum(["a", "b"]) });
  const words = (): unknown => {
    try {
      return validatePart(schema, {}, "body");
    } catch (error) {
      return error instanceof RequestError ? [error.message, ...error.issues.map(({ message }) => message)] : error;
    }
  };
  expect(words()).toEqual(["/body/name: is missing: expected string (and 3 more)", "is missing: expected string", "is missing: expected object", "must be a code", 'Invalid option: expected one of "a"|"b"']);
});

test("a part without a schema is nothing", () => {
  expect(validatePart(undefined, { any: "thing" }, "query")).toBeUndefined();
});

test("a declared list is a list also when the parameter came once", () => {
  const schema = z.strictObject({ status: z.array(z.string()).optional(), tags: z.array(z.string()).default([]), name: z.string().optional() });
  expect(withLists(schema, { status: "A", tags: ["x", "y"], name: "n", toString: "t" })).toEqual({ status: ["A"], tags: ["x", "y"], name: "n", toString: "t" });
});

test("page tokens say what they said, and refuse what no list gave", () => {
  const schema = z.tuple([z.string(), z.int()]);
  expect(decodePageToken(encodePageToken(["ä/+", 7]), schema)).toEqual(["ä/+", 7]);
  expect(decodePageToken(undefined, schema)).toBeUndefined();
  for (const token of ["", "nonsense", encodePageToken(["x"]), encodePageToken([1, "x"])]) {
    expect(issuesOf(() => decodePageToken(token, schema))).toEqual([["/query/pageToken", "invalid_token"]]);
  }
});

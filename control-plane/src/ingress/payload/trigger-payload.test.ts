import { RequestError } from "@fluxo/core/errors/request-error";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseBody } from "./body.ts";
import { FIELDS_MAX, parseFields } from "./fields.ts";
import { JSON_DEPTH_MAX } from "./json.ts";
import { toTriggerPayload } from "./trigger-payload.ts";

/** The code with which something is refused, and where; undefined when it is taken. */
function refusalOf(work: () => unknown): { code: string; path?: string | undefined; issue?: string | undefined } | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    const [issue] = error.issues;
    return issue === undefined ? { code: error.code } : { code: error.code, path: issue.path, issue: issue.code };
  }
}

const parse = (contentType: string | undefined, body: string | Buffer) => parseBody(contentType, Buffer.from(body));

describe("bodies", () => {
  test.each([
    ["application/json", '{"a":[1,null]}', { a: [1, null] }],
    ["Application/JSON; charset=utf-8", "\uFEFF1", 1],
    ["application/cloudevents+json", '"x"', "x"],
    ["application/x-www-form-urlencoded", "a=1&b=2&a=3&c[d]=%20+", { a: ["1", "3"], b: "2", "c[d]": "  " }],
    ["text/plain", "é", "é"],
    ["text/xml; charset=utf-8", "<a/>", "<a/>"],
    ["application/octet-stream", "abc", { base64: "YWJj" }],
    [undefined, "abc", { base64: "YWJj" }],
    ["application/json", "", null],
  ])("%s %j", (contentType, body, expected) => {
    expect(parse(contentType, body)).toEqual(expected);
  });

  test("text in another encoding", () => {
    expect(parse('text/plain; charset="iso-8859-1"', Buffer.from([0xe9]))).toBe("é");
    expect(refusalOf(() => parse("text/plain; charset=klingon", "x"))).toEqual({ code: "UNSUPPORTED_MEDIA_TYPE" });
  });

  test.each(["{", "undefined", '{"a":1}}', "'x'", "NaN"])("malformed JSON %j", (body) => {
    expect(refusalOf(() => parse("application/json", body))).toEqual({ code: "MALFORMED_JSON" });
  });

  test("JSON that is not UTF-8", () => {
    expect(refusalOf(() => parse("application/json", Buffer.from([0x22, 0xff, 0x22])))).toEqual({ code: "MALFORMED_JSON" });
  });

  test.each(["__proto__", "constructor", "prototype", "\\u005f_proto__"])("the key %s", (key) => {
    const refusal = refusalOf(() => parse("application/json", `{"x":[0,{"${key}":1}]}`));
    expect(refusal).toMatchObject({ code: "VALIDATION_FAILED", issue: "KEY_REFUSED" });
    expect(refusal?.path).toMatch(/^\/body\/x\/1\//);
    expect(parse("application/json", `{"x":"${key}"}`)).toHaveProperty("x");
  });

  test("nesting", () => {
    const nested = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;
    expect(refusalOf(() => parse("application/json", nested(JSON_DEPTH_MAX)))).toBeUndefined();
    expect(refusalOf(() => parse("application/json", nested(JSON_DEPTH_MAX + 1)))).toMatchObject({ code: "VALIDATION_FAILED", issue: "TOO_DEEP" });
    expect(refusalOf(() => parse("application/json", nested(500_000)))).toMatchObject({ issue: "TOO_DEEP" });
  });

  test("numbers that JavaScript cannot hold are not recorded as null", () => {
    expect(refusalOf(() => parse("application/json", '{"a":[1e999]}'))).toEqual({ code: "VALIDATION_FAILED", path: "/body/a/0", issue: "NUMBER_TOO_LARGE" });
  });

  test("any bytes of any type are JSON or refused with a code", () => {
    const types = fc.constantFrom("application/json", "a/b+json", "application/x-www-form-urlencoded", "text/plain", "text/plain;charset=utf-16le", "x/y", undefined);
    const bodies = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json().map((text) => Buffer.from(text)), fc.string({ unit: "binary" }).map((text) => Buffer.from(text)));
    fc.assert(
      fc.property(fc.oneof(types, fc.string()), bodies, (contentType, body) => {
        const bytes = Buffer.from(body);
        let value: unknown;
        if (refusalOf(() => (value = parseBody(contentType, bytes))) !== undefined) return;
        expect(JSON.parse(JSON.stringify(value))).toEqual(JSON.parse(JSON.stringify(value)));
        expect(value).not.toBeUndefined();
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("queries and forms", () => {
  test("too many fields, and names that reach the object machinery", () => {
    expect(refusalOf(() => parseFields("a&".repeat(FIELDS_MAX), "query"))).toBeUndefined();
    expect(refusalOf(() => parseFields("a&".repeat(FIELDS_MAX + 1), "query"))).toMatchObject({ path: "/query", issue: "TOO_MANY_FIELDS" });
    expect(refusalOf(() => parseFields("%5F_proto__=1", "body"))).toEqual({ code: "VALIDATION_FAILED", path: "/body/__proto__", issue: "KEY_REFUSED" });
  });

  test("whatever is sent, nothing but own fields comes out", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        let fields: object = {};
        if (refusalOf(() => (fields = parseFields(text, "query"))) !== undefined) return;
        expect(Object.keys(fields).toSorted()).toEqual([...new Set(new URLSearchParams(text).keys())].toSorted());
      }),
    );
  });
});

describe("the trigger payload", () => {
  const request = { method: "POST", url: "/hooks/secret-token?x=1", body: Buffer.alloc(0), receivedAt: new Date("2026-01-01T00:00:00.000Z") };

  test("holds the request without its credentials, its signature and its token", () => {
    const headers = { authorization: "a", cookie: "b", "proxy-authorization": "c", "x-api-key": "d", "x-signature": "e", "x-forwarded-for": "1.2.3.4", "user-agent": "ua", constructor: "f" };
    expect(toTriggerPayload({ ...request, headers }, new Set(["x-signature"]))).toEqual({
      method: "POST",
      headers: { "x-forwarded-for": "1.2.3.4", "user-agent": "ua" },
      query: { x: "1" },
      body: null,
      receivedAt: "2026-01-01T00:00:00.000Z",
    });
  });

  test("never throws anything but a refusal", () => {
    const names = fc.oneof(fc.constantFrom("__proto__", "constructor", "content-type", "authorization"), fc.string({ minLength: 1 }));
    const headers = fc.array(fc.tuple(names, fc.string())).map((entries) => Object.fromEntries(entries));
    fc.assert(
      fc.property(headers, fc.string(), fc.uint8Array(), (given, url, body) => {
        refusalOf(() => toTriggerPayload({ ...request, headers: given, url, body: Buffer.from(body) }, new Set()));
      }),
      { numRuns: 500 },
    );
  });
});

import type { JsonObject } from "@fluxo/core/json";
import type { NodeContext } from "@fluxo/core/node/executor";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { doneOf } from "../testing/done.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { nodeContext } from "../testing/node-context.ts";
import { Provider, type ReceivedRequest, type Reply } from "../testing/provider.ts";
import { httpRequest } from "./definition.ts";

const URL_TEXT = "https://api.example.com/orders";

let provider: Provider;
beforeAll(async () => {
  provider = await Provider.start();
});
beforeEach(() => {
  provider.requests.length = 0;
  provider.reply = { headers: { "content-type": "application/json" }, body: '{"ok":true}' };
});
afterAll(async () => {
  await provider[Symbol.asyncDispose]();
});

async function run(params: JsonObject, parts: Partial<NodeContext> = {}): Promise<ReturnType<typeof doneOf>> {
  return doneOf(await executeNode("http.request", { url: URL_TEXT, ...params }, nodeContext({ http: provider, ...parts })));
}

async function sent(params: JsonObject): Promise<ReceivedRequest | undefined> {
  await run(params);
  return provider.requests.at(-1);
}

async function bodyOf(reply: Reply, params: JsonObject = {}): Promise<unknown> {
  provider.reply = reply;
  const { output } = await run(params);
  expect(output).toHaveProperty("body");
  return typeof output === "object" && output !== null && !Array.isArray(output) ? output["body"] : undefined;
}

describe("the request", () => {
  test("is a GET without body, and its answer the output", async () => {
    provider.reply = { status: 203, headers: { "content-type": "application/json", "x-a": "1", "set-cookie": "session=s3cret" }, body: '{"ok":true}' };
    const { output } = await run({});
    expect(output).toMatchObject({ status: 203, body: { ok: true }, url: URL_TEXT, headers: { "x-a": "1" } });
    expect(JSON.stringify(output)).not.toContain("s3cret");
    expect(provider.requests).toMatchObject([{ method: "GET", url: URL_TEXT, body: "" }]);
  });

  test("adds its query to the URL's, and leaves out a fragment", async () => {
    const request = await sent({ url: `${URL_TEXT}?fixed=a%20b#part`, query: { q: "ä&=", n: 1, flag: true, ids: [1, "2"] } });
    expect(request?.url).toBe(`${URL_TEXT}?fixed=a%20b&q=%C3%A4%26%3D&n=1&flag=true&ids=1&ids=2`);
    expect((await sent({ query: {} }))?.url).toBe(URL_TEXT);
    expect((await sent({ url: `${URL_TEXT}?`, query: { a: 1 } }))?.url).toBe(`${URL_TEXT}?a=1`);
  });

  test.each<[JsonObject, string, string]>([
    [{ body: { a: [1] } }, '{"a":[1]}', "application/json"],
    [{ body: "text" }, '"text"', "application/json"],
    [{ body: null }, "null", "application/json"],
    [{ body: "text", bodyType: "text" }, "text", "text/plain; charset=utf-8"],
    [{ body: { a: "ä b", list: [1, true] }, bodyType: "form" }, "a=%C3%A4+b&list=1&list=true", "application/x-www-form-urlencoded"],
    [{ body: "<a/>", bodyType: "text", headers: { "content-TYPE": "application/xml" } }, "<a/>", "application/xml"],
  ])("carries the body of %j", async (params, body, contentType) => {
    const request = await sent({ method: "POST", ...params });
    expect(request?.body).toBe(body);
    expect(request?.headers["content-type"]).toBe(contentType);
  });

  test("has no body and no content type without one", async () => {
    for (const params of [{ method: "POST" }, { method: "POST", bodyType: "none" }]) {
      const request = await sent(params);
      expect(request?.body).toBe("");
      expect(request?.headers).not.toHaveProperty("content-type");
    }
  });

  test("hands the limits and the signal to the port", async () => {
    const seen: unknown[] = [];
    const context = nodeContext({
      timeoutMs: 1_234,
      http: {
        send: (request) => {
          seen.push(request);
          return provider.send(request);
        },
      },
    });
    await executeNode("http.request", { url: URL_TEXT, maxResponseBytes: 2_048 }, context);
    expect(seen).toMatchObject([{ timeoutMs: 1_234, maxResponseBytes: 2_048, signal: context.signal }]);
  });
});

describe("the idempotency key", () => {
  test.each(["POST", "PUT", "PATCH", "DELETE"])("goes with %s, the same over attempts", async (method) => {
    await run({ method }, { attempt: 1 });
    await run({ method }, { attempt: 2 });
    expect(provider.requests.map(({ headers }) => headers["idempotency-key"])).toEqual(["execution-1:node:0", "execution-1:node:0"]);
  });

  test.each(["GET", "HEAD", "OPTIONS"])("does not go with %s", async (method) => {
    expect((await sent({ method }))?.headers).not.toHaveProperty("idempotency-key");
  });

  test("gives way to the caller's own", async () => {
    expect((await sent({ method: "POST", headers: { "idempotency-KEY": "mine" } }))?.headers["idempotency-key"]).toBe("mine");
  });

  test("is guarded when a repeat must not be, or a template may say so", () => {
    expect([{}, { onUncertain: "repeat" }, { onUncertain: "fail" }, { onUncertain: "{{ trigger.body.mode }}" }].map((params) => httpRequest.guardsRepeat?.(params))).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });
});

describe("the answer's body", () => {
  const json = { "content-type": "application/json; charset=utf-8" };
  test.each<[string, Reply, JsonObject, unknown]>([
    ["JSON by its type", { headers: { "content-type": "application/vnd.api+json" }, body: "[1]" }, {}, [1]],
    ["text when the JSON is none", { headers: json, body: "<html>" }, {}, "<html>"],
    ["text by its type and charset", { headers: { "content-type": "text/plain; charset=latin1" }, body: Uint8Array.of(0xe9) }, {}, "é"],
    ["text without a type", { body: "héllo" }, {}, "héllo"],
    ["base64 for bytes without a type", { body: Uint8Array.of(0, 255) }, {}, "AP8="],
    ["base64 for other types", { headers: { "content-type": "image/png" }, body: "abc" }, {}, "YWJj"],
    ["null when empty", { status: 204, headers: json }, {}, null],
    ["null when empty JSON", { headers: json }, { responseFormat: "json" }, null],
    ["an empty text", {}, { responseFormat: "text" }, ""],
    ["text as asked", { headers: json, body: "[1]" }, { responseFormat: "text" }, "[1]"],
    ["JSON as asked", { headers: { "content-type": "text/html" }, body: "\uFEFF[1]" }, { responseFormat: "json" }, [1]],
    ["base64 as asked", { headers: json, body: "[1]" }, { responseFormat: "base64" }, "WzFd"],
  ])("is %s", async (_what, reply, params, expected) => {
    expect(await bodyOf(reply, params)).toEqual(expected);
  });

  test("fails the node when it should be JSON and is not", async () => {
    provider.reply = { body: "<html>" };
    await expect(run({ responseFormat: "json" })).rejects.toMatchObject({ errorClass: "DATA", code: "PROVIDER_FAILED" });
  });

  test("keeps keys that reach JavaScript's object machinery as data", async () => {
    const body = await bodyOf({ headers: json, body: '{"__proto__":{"polluted":1}}' });
    expect(JSON.stringify(body)).toBe('{"__proto__":{"polluted":1}}');
    expect("polluted" in {}).toBe(false);
  });

  test("is refused when nested too deep", async () => {
    provider.reply = { headers: json, body: "[".repeat(20_000) + "]".repeat(20_000) };
    await expect(run({})).rejects.toMatchObject({ errorClass: "DATA", code: "OUTPUT_TOO_LARGE" });
  });

  test("is refused when it is too large", async () => {
    provider.reply = { body: "x".repeat(2_000) };
    await expect(run({ maxResponseBytes: 1_999 })).rejects.toMatchObject({ code: "RESPONSE_TOO_LARGE" });
    await expect(run({ maxResponseBytes: 2_000 })).resolves.toMatchObject({ kind: "done" });
  });
});

describe("failures", () => {
  test("follow the status", async () => {
    provider.reply = { status: 429, headers: { "retry-after": "2" } };
    await expect(run({})).rejects.toMatchObject({ errorClass: "RATE_LIMIT", code: "PROVIDER_RATE_LIMITED", retryAfterMs: 2_000 });
    provider.reply = { status: 422, headers: { "content-type": "application/json" }, body: '{"error":"sku"}' };
    const error = await nodeErrorOf(run({}));
    expect(error).toMatchObject({ errorClass: "DATA", code: "PROVIDER_REJECTED", message: 'api.example.com answered 422: {"error":"sku"}' });
  });

  test.each([400, 401, 408, 429, 500, 503])("of status %i are answers when asked so", async (status) => {
    provider.reply = { status, body: "no" };
    await expect(run({ failOnStatus: false })).resolves.toMatchObject({ kind: "done", output: { status, body: "no" } });
  });

  test("of the connection and of time come from the port", async () => {
    provider.reply = "broken";
    await expect(run({ method: "POST" })).rejects.toMatchObject({ errorClass: "CONNECTION", code: "CONNECTION_FAILED" });
    provider.reply = "silent";
    await expect(run({}, { timeoutMs: 30 })).rejects.toMatchObject({ errorClass: "TIMEOUT", code: "NODE_TIMEOUT" });
  });

  test.each<[string, Reply]>([
    ["lost connection", "broken"],
    ["silence", "silent"],
    ["502", { status: 502 }],
    ["504", { status: 504 }],
  ])("of unknown outcome (%s) are final when a repeat must not be", async (_what, reply) => {
    provider.reply = reply;
    const error = await nodeErrorOf(run({ method: "POST", onUncertain: "fail" }, { timeoutMs: 100 }));
    expect(error).toMatchObject({ errorClass: "REFUSED", code: "SIDE_EFFECT_UNCERTAIN" });
  });

  test("of known outcome stay what they are when a repeat must not be", async () => {
    provider.reply = { status: 429 };
    await expect(run({ method: "POST", onUncertain: "fail" })).rejects.toMatchObject({ errorClass: "RATE_LIMIT" });
  });
});

describe("the parameters", () => {
  test.each<[string, JsonObject, string]>([
    ["a relative URL", { url: "/orders" }, "/url must be a complete URL"],
    ["another protocol", { url: "file:///etc/passwd" }, "/url must begin with"],
    ["credentials in the URL", { url: "https://ada:s3cret@example.com/" }, "/url must not hold credentials"],
    ["a Host header", { headers: { HOST: "internal" } }, "/headers/HOST must not be set"],
    ["a Content-Length header", { headers: { "Content-Length": 3 } }, "/headers/Content-Length"],
    ["a Connection header", { headers: { connection: "close" } }, "/headers/connection"],
    ["a Transfer-Encoding header", { headers: { "transfer-encoding": "chunked" } }, "/headers/transfer-encoding"],
    ["a header that splits", { headers: { "X-A": "1\r\nHost: internal" } }, "/headers/X-A must hold neither"],
    ["a name that splits", { headers: { "X-A: 1\r\nHost": "internal" } }, "/headers/X-A"],
    ["one header twice", { headers: { "X-A": "1", "x-a": "2" } }, "/headers/x-a must not be set twice"],
    ["an object as a header", { headers: { "X-A": {} } }, "/headers/X-A"],
    ["an object in the query", { query: { a: {} } }, "/query/a"],
    ["a body with GET", { body: { a: 1 } }, "/method must be another one"],
    ["a body with none", { method: "POST", bodyType: "none", body: 1 }, "/body must be absent"],
    ["a form that is none", { method: "POST", bodyType: "form", body: { a: { b: 1 } } }, "/body must be an object"],
    ["a text that is none", { method: "POST", bodyType: "text", body: { a: 1 } }, "/body must be a text"],
    ["an answer of more than 10 MiB", { maxResponseBytes: 10_485_761 }, "/maxResponseBytes"],
    ["a method that writes in lower case", { method: "post" }, "/method"],
  ])("refuse %s", async (_what, params, named) => {
    const error = await nodeErrorOf(run(params));
    expect(error).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
    expect(error.message).toContain(named);
    expect(error.message).not.toContain("s3cret");
    expect(provider.requests).toEqual([]);
  });
});

import type { Json, JsonObject } from "@fluxo/core/json";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { doneOf } from "../testing/done.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { nodeContext } from "../testing/node-context.ts";
import { Provider, type ReceivedRequest, type Reply } from "../testing/provider.ts";
import { nextLink } from "./link-header.ts";

const URL_TEXT = "https://api.example.com/customers";

let provider: Provider;
beforeAll(async () => {
  provider = await Provider.start();
});
beforeEach(() => {
  provider.requests.length = 0;
});
afterAll(async () => {
  await provider[Symbol.asyncDispose]();
});

async function run(pagination: JsonObject, params: JsonObject = {}): Promise<ReturnType<typeof doneOf>> {
  return doneOf(await executeNode("http.request", { url: URL_TEXT, ...params, pagination }, nodeContext({ http: provider })));
}

function json(body: Json, headers: Record<string, string> = {}): Reply {
  return { headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) };
}

function queryOf({ url }: ReceivedRequest): URLSearchParams {
  return new URL(url).searchParams;
}

/** Seven items, in pages of three, by number. */
function numbered(request: ReceivedRequest): Reply {
  const page = Number(queryOf(request).get("page"));
  return json([1, 2, 3, 4, 5, 6, 7].slice((page - 1) * 3, page * 3));
}

describe("pages by number", () => {
  test("are read to the first without items", async () => {
    provider.reply = numbered;
    const { output } = await run({ kind: "page" }, { query: { q: "a b" } });
    expect(output).toMatchObject({ status: 200, body: [1, 2, 3, 4, 5, 6, 7], pages: 4, hasMore: false });
    expect(provider.requests.map(({ url }) => new URL(url).search)).toEqual(["?q=a+b&page=1", "?q=a+b&page=2", "?q=a+b&page=3", "?q=a+b&page=4"]);
  });

  test("are read to the first that is not full, when its size is known", async () => {
    provider.reply = numbered;
    expect((await run({ kind: "page", pageSize: 3 })).output).toMatchObject({ body: [1, 2, 3, 4, 5, 6, 7], pages: 3, hasMore: false });
  });

  test("end with the most that are allowed, and tell so", async () => {
    provider.reply = numbered;
    expect((await run({ kind: "page", pagesMax: 2 })).output).toMatchObject({ body: [1, 2, 3, 4, 5, 6], pages: 2, hasMore: true });
    expect(provider.requests).toHaveLength(2);
  });

  test("count offsets as well", async () => {
    provider.reply = (request) => json({ rows: [10, 11, 12].slice(Number(queryOf(request).get("offset")), Number(queryOf(request).get("offset")) + 2) });
    const { output } = await run({ kind: "page", param: "offset", first: 0, step: 2, itemsPath: "rows" });
    expect(output).toMatchObject({ body: [10, 11, 12], pages: 3 });
    expect(provider.requests.map((request) => queryOf(request).get("offset"))).toEqual(["0", "2", "4"]);
  });
});

describe("pages by cursor", () => {
  const pages: Record<string, Json> = {
    "": { data: { items: ["a"] }, meta: { next: "c/1" } },
    "c/1": { data: { items: ["b"] }, meta: { next: 2 } },
    "2": { data: { items: ["c"] }, meta: {} },
  };
  const pagination = { kind: "cursor", cursorPath: "meta.next", param: "after", itemsPath: "data.items" };

  test("are read until there is none", async () => {
    provider.reply = (request) => json(pages[queryOf(request).get("after") ?? ""] ?? null);
    expect((await run(pagination)).output).toMatchObject({ body: ["a", "b", "c"], pages: 3, hasMore: false });
    expect(provider.requests.map(({ url }) => new URL(url).search)).toEqual(["", "?after=c%2F1", "?after=2"]);
  });

  test.each([null, "", false])("end with the cursor %j", async (next) => {
    provider.reply = json({ data: { items: [1] }, meta: { next } });
    expect((await run(pagination)).output).toMatchObject({ body: [1], pages: 1, hasMore: false });
  });

  test("that leads back is an error, not a loop", async () => {
    provider.reply = json({ data: { items: [1] }, meta: { next: "same" } });
    const error = await nodeErrorOf(run(pagination));
    expect(error).toMatchObject({ errorClass: "DATA", code: "PROVIDER_FAILED" });
    expect(error.message).toContain("leads back");
    expect(provider.requests).toHaveLength(2);
  });

  test("that is no text is an error", async () => {
    provider.reply = json({ data: { items: [] }, meta: { next: { a: 1 } } });
    expect((await nodeErrorOf(run(pagination))).message).toContain("the cursor of page 1");
  });
});

describe("pages by link", () => {
  test("follow the relation next, also a relative one", async () => {
    provider.reply = (request) => {
      const page = Number(queryOf(request).get("p") ?? 1);
      return json([page], page === 3 ? {} : { link: `</customers?p=${page + 1}>; rel="next", <https://other.example.com/>; rel="last"` });
    };
    expect((await run({ kind: "link" })).output).toMatchObject({ body: [1, 2, 3], pages: 3, url: `${URL_TEXT}?p=3` });
  });

  test("are not followed to another origin", async () => {
    provider.reply = json([1], { link: '<https://evil.example.com/>; rel="next"' });
    expect((await nodeErrorOf(run({ kind: "link" }))).message).toContain("another origin");
    expect(provider.requests).toHaveLength(1);
  });

  test.each<[string, string | undefined]>([
    ['<https://a/2>; rel="next"', "https://a/2"],
    ["<https://a/2>; rel=next", "https://a/2"],
    ['<https://a/1>; rel="prev", <https://a/3>; title="x"; REL="last NEXT"', "https://a/3"],
    ['<https://a/1,b;c>; rel="next"', "https://a/1,b;c"],
    ['<https://a/1>; rel="nextish"', undefined],
    ["https://a/2; rel=next", undefined],
    ["", undefined],
  ])("read %j", (header, expected) => {
    expect(nextLink(header)).toBe(expected);
  });

  test("read a hostile header in linear time", () => {
    const startedAt = performance.now();
    for (const header of ["<".repeat(32_000), `<a>${"; rel=".repeat(6_000)}`, `<a>;${" ".repeat(32_000)}`, "<a>".repeat(10_000)]) {
      expect(nextLink(header)).toBeUndefined();
    }
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});

describe("all pages", () => {
  test("go under the same limits, with what is left of the bytes", async () => {
    const limits: number[] = [];
    provider.reply = (request) => json([`${queryOf(request).get("page")}`.repeat(100)]);
    const http: typeof provider.send = (request) => {
      limits.push(request.maxResponseBytes);
      return provider.send(request);
    };
    const context = nodeContext({ http: { send: http } });
    const error = await nodeErrorOf(executeNode("http.request", { url: URL_TEXT, maxResponseBytes: 250, pagination: { kind: "page" } }, context));
    expect(error).toMatchObject({ errorClass: "DATA", code: "RESPONSE_TOO_LARGE" });
    expect(limits).toEqual([250, 146, 42]);
  });

  test("have to hold items where they should be", async () => {
    provider.reply = json({ items: {} });
    expect((await nodeErrorOf(run({ kind: "page", itemsPath: "items" }))).message).toContain("page 1 has no array at items");
    expect((await nodeErrorOf(run({ kind: "page" }))).message).toContain("page 1 has no array as its body");
    provider.reply = json([]);
    expect((await nodeErrorOf(run({ kind: "page", itemsPath: "constructor.name" }))).message).toContain("page 1 has no array at constructor.name");
  });

  test("fail with the page that fails, with its hint", async () => {
    provider.reply = (request) => (queryOf(request).get("page") === "2" ? { status: 429, headers: { "retry-after": "7" } } : json([1]));
    expect(await nodeErrorOf(run({ kind: "page" }))).toMatchObject({ code: "PROVIDER_RATE_LIMITED", retryAfterMs: 7_000 });
  });

  test.each<[JsonObject, string]>([
    [{ method: "POST" }, "/method must be GET"],
    [{ responseFormat: "file" }, "/responseFormat must be json"],
    [{ failOnStatus: false }, "/failOnStatus must be true"],
    [{ pagination: { kind: "page", pagesMax: 1_001 } }, "/pagination/pagesMax"],
    [{ pagination: { kind: "cursor" } }, "/pagination/cursorPath"],
    [{ pagination: { kind: "link", itemsPath: "a..b" } }, "/pagination/itemsPath"],
  ])("refuse %j", async (params, named) => {
    const pagination = typeof params["pagination"] === "object" ? {} : { kind: "link" };
    const error = await nodeErrorOf(executeNode("http.request", { url: URL_TEXT, pagination, ...params }, nodeContext({ http: provider })));
    expect(error).toMatchObject({ code: "PARAMS_INVALID" });
    expect(error.message).toContain(named);
    expect(provider.requests).toEqual([]);
  });
});

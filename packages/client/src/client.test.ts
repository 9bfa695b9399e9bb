import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, expectTypeOf, test } from "vitest";
import { FluxoClient, type ClientOptions } from "./client.ts";
import { FluxoError, FluxoUnreachable } from "./errors.ts";
import { readEvents } from "./events.ts";
import { addressOf, type InputOf } from "./operations.ts";
import { retryAfterOf, waitBefore } from "./retry.ts";

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** A server that answers by a list, the last one for ever, and remembers what it was asked. */
async function startServer(answers: readonly ((response: ServerResponse, request: IncomingMessage) => void)[], options: Partial<ClientOptions> = {}) {
  const seen: Seen[] = [];
  const waits: number[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      seen.push({ method: request.method, url: request.url, headers: request.headers, body: Buffer.concat(parts).toString() });
      const answer = answers[Math.min(seen.length, answers.length) - 1];
      answer?.(response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => {
    server.closeAllConnections();
    server.close();
  });
  let keys = 0;
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const client = new FluxoClient({ baseUrl, apiKey: "flx_test", random: () => 0, newKey: () => `key-${(keys += 1)}`, sleep: async (ms) => void waits.push(ms), ...options });
  return { client, seen, waits };
}

const json = (status: number, body: unknown, headers: Record<string, string> = {}) => (response: ServerResponse): void => {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
};
const problem = (status: number, code: string, headers: Record<string, string> = {}) => json(status, { type: `urn:fluxo:error:${code}`, title: "T", status, detail: `It was ${code}.`, code, instance: "r-1", addedLater: true }, headers);
const hangUp = (response: ServerResponse): void => {
  response.socket?.destroy();
};

test("sends what the operation has, typed by the route table", async () => {
  const { client, seen } = await startServer([json(201, { id: "w" })], { tenantId: "t-1", userAgent: "test/1" });
  const { status, body } = await client.call("createWorkflow", { body: { name: "Hello" } });
  expectTypeOf(status).toEqualTypeOf<201>();
  expectTypeOf(body.name).toEqualTypeOf<string>();
  expect([status, body.id]).toEqual([201, "w"]);
  expect(seen[0]).toMatchObject({ method: "POST", url: "/v1/workflows", body: '{"name":"Hello"}', headers: { authorization: "Bearer flx_test", "fluxo-tenant": "t-1", "idempotency-key": "key-1", "content-type": "application/json", "user-agent": "test/1" } });
  await client.forTenant("t-2").call("listExecutions", { query: { status: ["FAILED", "BLOCKED"], limit: 5 } });
  expect(seen[1]).toMatchObject({ method: "GET", url: "/v1/executions?status=FAILED&status=BLOCKED&limit=5", headers: { "fluxo-tenant": "t-2" } });
  expect(seen[1]?.headers["idempotency-key"]).toBeUndefined();
  await client.call("replaceDraft", { params: { workflowId: "a/b" }, headers: { "If-Match": '"3"' }, body: { graph: { nodes: [], edges: [] } } });
  expect(seen[2]).toMatchObject({ method: "PUT", url: "/v1/workflows/a%2Fb/draft", headers: { "if-match": '"3"' } });
  // Agency operations name no tenant.
  await client.call("listTenants");
  expect(seen[3]?.headers["fluxo-tenant"]).toBeUndefined();
  // @ts-expect-error the parameter is missing
  await expect(client.call("getWorkflow", {})).rejects.toThrow(TypeError);
  expectTypeOf<InputOf<"getWorkflow">["params"]>().toEqualTypeOf<{ workflowId: string }>();
});

test("repeats under one idempotency key, as long as it is asked to wait", async () => {
  const { client, seen, waits } = await startServer([hangUp, problem(503, "UNAVAILABLE", { "retry-after": "2" }), problem(429, "RATE_LIMITED"), json(201, { id: "w" })]);
  expect((await client.call("createWorkflow", { body: { name: "Hello" } })).body.id).toBe("w");
  expect(seen.map(({ headers }) => headers["idempotency-key"])).toEqual(["key-1", "key-1", "key-1", "key-1"]);
  expect(waits).toEqual([250, 2_000, 1_000]);
});

test("tells refusals as errors with their code, and repeats none that will stay", async () => {
  const { client, seen } = await startServer([problem(409, "NAME_TAKEN")]);
  const refusal = await client.call("createWorkflow", { body: { name: "Twin" } }).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(FluxoError);
  expect(refusal).toMatchObject({ code: "NAME_TAKEN", status: 409, message: "It was NAME_TAKEN.", requestId: "r-1" });
  expect(seen).toHaveLength(1);
});

test("does not wait longer than allowed, repeats no PATCH without an answer, and tells a proxy's answer from Fluxo's", async () => {
  const late = await startServer([problem(429, "RATE_LIMITED", { "retry-after": "3600" })]);
  await expect(late.client.call("getMe")).rejects.toMatchObject({ code: "RATE_LIMITED" });
  expect(late.seen).toHaveLength(1);
  const cut = await startServer([hangUp]);
  await expect(cut.client.call("updateWorkflow", { params: { workflowId: "w" }, body: { name: "x" } })).rejects.toBeInstanceOf(FluxoUnreachable);
  expect(cut.seen).toHaveLength(1);
  const proxy = await startServer([(response) => response.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad gateway</h1>")]);
  await expect(proxy.client.call("createWorkflow", { body: { name: "x" } }, { idempotencyKey: "mine" })).rejects.toMatchObject({ name: "FluxoUnreachable", idempotencyKey: "mine" });
  expect(proxy.seen).toHaveLength(4);
});

test("an abort ends a call and its waiting", async () => {
  const controller = new AbortController();
  const { client } = await startServer([problem(503, "UNAVAILABLE")], {
    sleep: async () => {
      controller.abort(new Error("enough"));
      controller.signal.throwIfAborted();
    },
  });
  await expect(client.call("getMe", {}, { signal: controller.signal })).rejects.toThrow("enough");
});

test("goes through a list page by page, no further than it is read", async () => {
  const page = (ids: readonly string[], nextPageToken: string | null) => json(200, { data: ids.map((id) => ({ id })), nextPageToken });
  const { client, seen } = await startServer([page(["a", "b"], "next"), page(["c"], "last"), page([], null)]);
  const ids: string[] = [];
  for await (const { id } of client.items("listWorkflows", { query: { active: "true" } })) {
    ids.push(id);
    if (id === "c") break;
  }
  expect(ids).toEqual(["a", "b", "c"]);
  expect(seen.map(({ url }) => url)).toEqual(["/v1/workflows?limit=100&active=true", "/v1/workflows?limit=100&active=true&pageToken=next"]);
});

test("live events go on after the last one that was seen", async () => {
  const events = (text: string) => (response: ServerResponse): void => {
    response.writeHead(200, { "content-type": "text/event-stream" }).end(text);
  };
  const { client, seen } = await startServer([events(": hello\n\nid: 1-0\nevent: snapshot\ndata: {}\n\n"), events("id: 2-0\nevent: end\ndata: {\"status\":\"SUCCESS\"}\n\n")]);
  const names: string[] = [];
  for await (const { event } of client.events("e", { tenantId: "t" })) names.push(event);
  expect(names).toEqual(["snapshot", "end"]);
  expect([seen[0]?.headers["last-event-id"], seen[1]?.headers["last-event-id"], seen[1]?.headers["fluxo-tenant"]]).toEqual([undefined, "1-0", "t"]);
});

test("events are read whatever the pieces they come in", async () => {
  const text = 'id: 1\nevent: node\ndata: {"a":\ndata: "ä"}\n\n:\n\ndata: x\n\nevent: nothing\n\n';
  const bytes = new TextEncoder().encode(text);
  for (const size of [1, 2, 7, bytes.length]) {
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.slice(index * size, (index + 1) * size));
    const read = [];
    for await (const event of readEvents((async function* () { yield* pieces; })())) read.push(event);
    expect(read).toEqual([{ event: "node", id: "1", data: '{"a":\n"ä"}' }, { event: "message", id: "", data: "x" }]);
  }
});

test("waits by seconds or by date, and grows", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  expect([retryAfterOf("3", now), retryAfterOf("Thu, 01 Jan 2026 00:00:05 GMT", now), retryAfterOf("Wed, 31 Dec 2025 23:00:00 GMT", now), retryAfterOf("soon", now), retryAfterOf(null, now)]).toEqual([3_000, 5_000, 0, undefined, undefined]);
  const policy = { attemptsMax: 4, delayMs: 100, delayMaxMs: 300 };
  expect([1, 2, 3, 4].map((attempt) => waitBefore(policy, attempt, undefined, 0))).toEqual([100, 200, 300, undefined]);
  expect(waitBefore(policy, 1, undefined, 0.999)).toBeGreaterThanOrEqual(50);
  expect(addressOf({ operationId: "x", path: "/v1/x" }, { query: { a: undefined, b: null, c: false } })).toBe("/v1/x?c=false");
});

import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { ROUTES } from "@fluxo/contracts/http/routes";
import { problemSchema } from "@fluxo/contracts/http/problem";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient, type ClientAnswer } from "./testing/client.ts";
import { startHarness, type Harness, type TestAgency, type TestTenant } from "./testing/harness.ts";

let api: Harness;
let agency: TestAgency;
let tenant: TestTenant;

beforeAll(async () => {
  api = await startHarness();
  agency = await api.createTestAgency("Northwind");
  tenant = await api.createTestTenant(agency, "Bakery");
});
afterAll(() => api.stop());

function expectProblem(answer: ClientAnswer, status: number, code: string): void {
  const problem = problemSchema.parse(answer.body);
  expect([answer.status, problem.status, problem.code, problem.type]).toEqual([status, status, code, `urn:fluxo:error:${code}`]);
  expect(answer.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
  expect(problem.instance).toBe(answer.headers.get("x-request-id"));
}

const post = (raw: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): Promise<ClientAnswer> => tenant.client.send("POST", "/v1/workflows", { raw, headers });

test("answers unknown paths and other methods", async () => {
  expectProblem(await tenant.client.get("/v1/nothing"), 404, "NOT_FOUND");
  expectProblem(await tenant.client.get("/v1/Workflows"), 404, "NOT_FOUND");
  expectProblem(await tenant.client.get("/v1/workflows/"), 404, "NOT_FOUND");
  expectProblem(await tenant.client.get("/v1/node-types/%zz"), 404, "NOT_FOUND");
  const other = await tenant.client.delete("/v1/workflows");
  expectProblem(other, 405, "METHOD_NOT_ALLOWED");
  expect(other.headers.get("allow")).toBe("GET, POST, HEAD");
  expectProblem(await tenant.client.get("/v1/workflows/not-a-uuid"), 400, "VALIDATION_FAILED");
});

test("echoes a request id that fits a log line, and makes one otherwise", async () => {
  expect((await tenant.client.get("/v1/me", { "x-request-id": "call-1.a" })).headers.get("x-request-id")).toBe("call-1.a");
  for (const id of ["with blank", "x".repeat(129), "<script>"]) {
    expect((await tenant.client.get("/v1/me", { "x-request-id": id })).headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  }
});

test("refuses bodies that are no JSON, too large, of another type, or compressed in an unknown way", async () => {
  expectProblem(await post("{"), 400, "MALFORMED_JSON");
  expectProblem(await post("{}", { "content-type": "text/plain" }), 415, "UNSUPPORTED_MEDIA_TYPE");
  expectProblem(await post("{}", { "content-type": "application/json; charset=latin1" }), 415, "UNSUPPORTED_MEDIA_TYPE");
  const packed = await post("{}", { "content-encoding": "zstd-unknown" });
  expectProblem(packed, 415, "UNSUPPORTED_MEDIA_TYPE");
  expect(packed.text("detail")).toContain("Content-Encoding");
  const latin = await post(Uint8Array.of(0x22, 0xff, 0x22));
  expectProblem(latin, 400, "MALFORMED_JSON");
  expect(latin.text("detail")).toBe("The body is not UTF-8.");
  expectProblem(await post(JSON.stringify({ name: "x".repeat(2 * 1024 * 1024) })), 413, "BODY_TOO_LARGE");
  const bomb = Uint8Array.from(gzipSync(JSON.stringify({ name: "x".repeat(3_000_000) })));
  expectProblem(await post(bomb, { "content-encoding": "gzip" }), 413, "BODY_TOO_LARGE");
  expect((await post(Uint8Array.from(gzipSync('{"name":"Small"}')), { "content-encoding": "gzip" })).status).toBe(201);
  expect((await post('{"name":"Merge"}', { "content-type": "application/merge-patch+json; charset=UTF-8" })).status).toBe(201);
});

test("refuses keys, depths and characters that nothing takes, at the place where they are", async () => {
  const at = async (raw: string): Promise<unknown> => {
    const answer = await post(raw);
    expectProblem(answer, 400, "VALIDATION_FAILED");
    return [answer.at("issues", 0, "path"), answer.at("issues", 0, "code")];
  };
  expect(await at('{"name":"x","__proto__":{"isAdmin":true}}')).toEqual(["/body/__proto__", "refused_key"]);
  expect(await at('{"name":"x","graph":{"nodes":[{"constructor":1}]}}')).toEqual(["/body/graph/nodes/0/constructor", "refused_key"]);
  expect(await at(`{"name":${"[".repeat(65)}${"]".repeat(65)}}`)).toEqual([`/body/name${"/0".repeat(6)}`, "too_deep"]);
  expect(await at(`${"[".repeat(200_000)}${"]".repeat(200_000)}`)).toEqual([`/body${"/0".repeat(7)}`, "too_deep"]);
  expect(await at('{"name":"a\\u0000b"}')).toEqual(["/body/name", "unsupported_character"]);
  expect(await at('{"name":"\\ud800"}')).toEqual(["/body/name", "unsupported_character"]);
  expect(await at('{"name":"line\\nbreak"}')).toEqual(["/body/name", "invalid_format"]);
  expect(await at("[]")).toEqual(["/body", "invalid_type"]);
});

test("says what is wrong with a parameter of the query in words that fit", async () => {
  const issue = async (query: string): Promise<unknown> => {
    const answer = await tenant.client.get(`/v1/executions?${query}`);
    expectProblem(answer, 400, "VALIDATION_FAILED");
    return answer.at("issues", 0);
  };
  expect(await issue("limit=many")).toEqual({ path: "/query/limit", code: "invalid_type", message: "is not a number" });
  expect(await issue("limit=1&limit=2")).toEqual({ path: "/query/limit", code: "repeated", message: "may be given once only" });
  expect(await issue("colour=1&colour=2")).toMatchObject({ path: "/query/colour", code: "unrecognized_keys" });
  expect((await tenant.client.get("/v1/executions?status=FAILED&status=BLOCKED")).status).toBe(200);
});

test("authenticates before it reads a body", async () => {
  const status = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(new URL(api.url).port), "127.0.0.1", () => {
      socket.write("POST /v1/workflows HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{");
    });
    socket.once("data", (data: Buffer) => {
      resolve(data.toString("utf8").slice(0, 12));
      socket.destroy();
    });
    socket.once("error", reject);
  });
  expect(status).toBe("HTTP/1.1 401");
});

test("refuses headers that are larger than 16 KiB together", async () => {
  const answer = await fetch(`${api.url}/v1/me`, { headers: { authorization: `Bearer ${tenant.key}`, "x-large": "x".repeat(20_000) } });
  expect(answer.status).toBe(431);
});

test("carries security headers, and no cache keeps an answer", async () => {
  const { headers } = await tenant.client.get("/v1/me");
  expect(headers.get("cache-control")).toBe("no-store");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("strict-transport-security")).not.toBeNull();
  expect(headers.get("x-powered-by")).toBeNull();
});

test("serves the document and the probes without a key", async () => {
  const anybody = createClient(api.url);
  const document = await anybody.get("/openapi.json");
  expect([document.status, document.at("openapi")]).toEqual([200, "3.1.0"]);
  expect((await anybody.get("/healthz")).status).toBe(200);
  expect((await anybody.get("/readyz")).at("status")).toBe("ready");
  await anybody.get("/v1/me");
  const metrics = await (await fetch(`${api.url}/metrics`)).text();
  expect(metrics).toContain('fluxo_http_requests_total{method="GET",route="/v1/me",status="401"}');
  expect(metrics).not.toContain(tenant.id);
});

test("every route but the public ones asks for a key", async () => {
  const anybody = createClient(api.url);
  for (const { method, path, scope } of Object.values(ROUTES)) {
    const answer = await anybody.send(method.toUpperCase(), path.replaceAll(/\{\w+\}/g, "x"));
    // What needs no key goes on to its input; nobody is configured to sign in with.
    if (scope === "public") expect([path, answer.status]).toEqual([path, expect.toBeOneOf(path.startsWith("/auth/") ? [404] : [200, 400])]);
    else expect([path, answer.status]).toEqual([path, 401]);
  }
});

test("every route asks for its scope", async () => {
  const bare = await api.createTestAgency("Bare", []);
  for (const { method, path, scope } of Object.values(ROUTES)) {
    const answer = await bare.client.forTenant(tenant.id).send(method.toUpperCase(), path.replaceAll(/\{\w+\}/g, "x"));
    if (scope === "public" || scope === "authenticated") expect([path, answer.status === 403]).toEqual([path, false]);
    else expectProblem(answer, 403, "SCOPE_MISSING");
  }
});

test("pages the node types and reads one", async () => {
  const first = await tenant.client.get("/v1/node-types?limit=2");
  expect(first.at("data")).toHaveLength(2);
  const second = await tenant.client.get(`/v1/node-types?limit=100&pageToken=${first.text("nextPageToken")}`);
  const types = [...(first.at("data") as { type: string }[]), ...(second.at("data") as { type: string }[])].map(({ type }) => type);
  expect(types).toEqual(types.toSorted());
  expect(types).toContain("trigger.manual");
  const one = await tenant.client.get("/v1/node-types/http.request");
  expect(one.body).toMatchObject({ type: "http.request", kind: "action", paramsSchema: { type: "object" } });
  expectProblem(await tenant.client.get("/v1/node-types/no.such"), 404, "NOT_FOUND");
});

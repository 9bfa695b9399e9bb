import { NODE_TEST_LIST, nodeTestReplyKey, nodeTestRequestSchema, type NodeTestRequest, type NodeTestResult } from "@fluxo/contracts/channels/node-test";
import { uuidV7 } from "@fluxo/prisma/ids";
import { PATIENCE_MS } from "@fluxo/test/support/eventually";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { PLANS, startHarness, type Harness, type TestAgency, type TestTenant } from "../../testing/harness.ts";

const graph = {
  nodes: [
    { id: "start", type: "trigger.manual" },
    { id: "fetch", type: "set", params: { fields: {} } },
    { id: "total", type: "set", params: { fields: { sum: "{{ fetch.total }}" } } },
    { id: "broken", type: "http.request", params: { url: "https://example.com", method: "NONE" } },
    { id: "run", type: "code", params: { source: "return 1;" } },
    { id: "login", type: "http.request", params: { url: "https://example.com", credential: uuidV7.next() } },
  ],
  edges: [{ from: "start", to: "fetch" }, { from: "fetch", to: "total" }],
};
const RESULT: NodeTestResult = { status: "SUCCESS", output: { sum: 7 }, ports: ["main"], failure: null, attempt: 1, durationMs: 3, resumeAt: null, hasActed: false };

let api: Harness;
let agency: TestAgency;
let tenant: TestTenant;
let path: string;

beforeAll(async () => {
  api = await startHarness();
  agency = await api.createTestAgency("Northwind");
  tenant = await api.createTestTenant(agency, "Bakery");
  path = `/v1/workflows/${(await tenant.client.post("/v1/workflows", { name: "Manual", graph })).text("id")}`;
});
afterAll(() => api.stop());

/** Does what a worker does with the next request. @returns the request */
async function answerNext(): Promise<NodeTestRequest> {
  const request = await vi.waitFor(async () => nodeTestRequestSchema.parse(JSON.parse((await api.redis.lpop(NODE_TEST_LIST)) ?? "")), PATIENCE_MS);
  await api.redis.set(nodeTestReplyKey(request.testId), JSON.stringify(RESULT), "PX", 10_000);
  return request;
}

test("a test goes to a worker with the saved pins, those of the request over them, and the trigger's pin as payload", async () => {
  const pins = { start: { customer: "Ada" }, fetch: { total: 1 } };
  expect((await tenant.client.put(`${path}/pins`, { pins })).body).toEqual({ pins });
  expect((await tenant.client.get(`${path}/pins`)).body).toEqual({ pins });
  const answered = answerNext();
  const answer = await tenant.client.post(`${path}/nodes/total/test`, { pinned: { fetch: { total: 7 } } });
  expect([answer.status, answer.body]).toEqual([200, RESULT]);
  expect(await answered).toMatchObject({ tenantId: tenant.id, nodeId: "total", pinned: { start: { customer: "Ada" }, fetch: { total: 7 } }, trigger: { customer: "Ada" } });
});

test("pins are no part of the draft or of a version", async () => {
  const own = (await tenant.client.post("/v1/workflows", { name: "Pinned", graph: { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] } })).text("id");
  const before = (await tenant.client.post(`/v1/workflows/${own}/publish`)).text("version", "contentHash");
  await tenant.client.put(`/v1/workflows/${own}/pins`, { pins: { start: { a: 1 } } });
  const again = await tenant.client.post(`/v1/workflows/${own}/publish`);
  expect([again.at("isNew"), again.text("version", "contentHash")]).toEqual([false, before]);
  expect((await tenant.client.get(`/v1/workflows/${own}/draft`)).at("revision")).toBe(1);
});

test("what cannot be run is refused before a worker is asked", async () => {
  const refuse = async (nodeId: string): Promise<unknown[]> => {
    const refused = await tenant.client.post(`${path}/nodes/${nodeId}/test`);
    return [refused.status, refused.at("code"), refused.at("issues", 0, "code")];
  };
  expect(await refuse("missing")).toEqual([404, "NOT_FOUND", undefined]);
  expect(await refuse("start")).toEqual([409, "STATE_CONFLICT", undefined]);
  expect(await refuse("broken")).toEqual([422, "GRAPH_INVALID", "PARAMS_INVALID"]);
  expect(await refuse("login")).toEqual([422, "GRAPH_INVALID", "CREDENTIAL_UNKNOWN"]);
  expect(await api.redis.llen(NODE_TEST_LIST)).toBe(0);
  const large = await tenant.client.put(`${path}/pins`, { pins: { fetch: "x".repeat(1_100_000) } });
  expect([large.status, large.at("code")]).toEqual([413, "BODY_TOO_LARGE"]);
});

test("a plan without the node and a suspended tenant are refused", async () => {
  const free = await api.createTestTenant(agency, "Free", PLANS.FREE);
  const own = (await free.client.post("/v1/workflows", { name: "Code", graph })).text("id");
  expect((await free.client.post(`/v1/workflows/${own}/nodes/run/test`)).at("code")).toBe("NODE_NOT_IN_PLAN");
  await agency.client.patch(`/v1/tenants/${free.id}`, { status: "SUSPENDED" });
  expect((await free.client.post(`/v1/workflows/${own}/nodes/total/test`)).at("code")).toBe("TENANT_SUSPENDED");
});

test("without a worker the answer is UNAVAILABLE, and the request does not stay", async () => {
  const answer = await tenant.client.post(`${path}/nodes/total/test`);
  expect([answer.status, answer.at("code")]).toEqual([503, "UNAVAILABLE"]);
  await vi.waitFor(async () => expect(await api.redis.llen(NODE_TEST_LIST)).toBe(0), PATIENCE_MS);
});

test("a tenant makes a bounded number of tests in a minute", async () => {
  const limited = await api.createTestTenant(agency, "Busy");
  const own = (await limited.client.post("/v1/workflows", { name: "Busy", graph })).text("id");
  const minute = Math.floor(Date.now() / 60_000);
  for (const at of [minute, minute + 1]) await api.redis.set(`node-tests:rate:${limited.id}:${at}`, 30, "PX", 120_000);
  const refused = await limited.client.post(`/v1/workflows/${own}/nodes/total/test`);
  expect([refused.status, refused.at("code"), Number(refused.headers.get("retry-after")) > 0]).toEqual([429, "RATE_LIMITED", true]);
});

import { uuidV7 } from "@fluxo/prisma/ids";
import { afterAll, beforeAll, expect, test } from "vitest";
import { manualGraph } from "../../testing/graphs.ts";
import { startHarness, type Harness, type TestAgency, type TestTenant } from "../../testing/harness.ts";
import { claim, failureOf, record, settle } from "../../testing/journey.ts";

let api: Harness;
let agency: TestAgency;
let tenant: TestTenant;
let workflowId: string;

beforeAll(async () => {
  api = await startHarness();
  agency = await api.createTestAgency("Northwind");
  tenant = await api.createTestTenant(agency, "Bakery");
  workflowId = (await tenant.client.post("/v1/workflows", { name: "Manual", graph: manualGraph })).text("id");
  await tenant.client.post(`/v1/workflows/${workflowId}/publish`);
});
afterAll(() => api.stop());

async function start(input: unknown = {}): Promise<string> {
  return (await tenant.client.post(`/v1/workflows/${workflowId}/executions`, { input })).text("executionId");
}

/** An execution whose second node failed. */
async function startFailed(input: unknown = {}): Promise<string> {
  const id = await start(input);
  await claim(api, tenant, id);
  await record(api, tenant, id, { nodeId: "start", position: 0, nodeType: "trigger.manual", output: { n: 1 }, usage: { model: "m", inputTokens: 1, outputTokens: 1, costMicros: 1 } });
  const failure = failureOf("greet", 1, "2026-01-01T00:00:01.000Z");
  await record(api, tenant, id, { nodeId: "greet", position: 1, status: "FAILED", ports: [], failure });
  await settle(api, tenant, id, { status: "FAILED", output: { failures: [{ ...failure }] }, error: { code: "PROVIDER_FAILED", message: "503", stack: null, nodeId: "greet" } });
  return id;
}

test("a rerun is a new execution that names the first; both tell of each other", async () => {
  const id = await startFailed({ customer: "Ada" });
  const answer = await tenant.client.post(`/v1/executions/${id}/rerun`, { from: "failedNode" });
  const rerunId = answer.text("executionId");
  expect([answer.status, answer.at("duplicate"), answer.headers.get("location")]).toEqual([202, false, `/v1/executions/${rerunId}`]);
  expect((await tenant.client.get(`/v1/executions/${rerunId}`)).body).toMatchObject({ status: "QUEUED", rerunOf: id, input: { customer: "Ada" }, reruns: { count: 0, ids: [] } });
  const timeline = await tenant.client.get(`/v1/executions/${rerunId}/timeline`);
  expect(timeline.at("journal")).toMatchObject([{ nodeId: "start", isSeeded: true, output: { n: 1 }, usage: null }]);
  const second = (await tenant.client.post(`/v1/executions/${id}/rerun`, { from: "start", input: { customer: "Eve" } })).text("executionId");
  expect((await tenant.client.get(`/v1/executions/${id}`)).body).toMatchObject({ status: "FAILED", rerunOf: null, reruns: { count: 2, ids: [second, rerunId] } });
  const list = await tenant.client.get(`/v1/executions?rerunOf=${id}`);
  expect((list.at("data") as { id: string }[]).map((execution) => execution.id)).toEqual([second, rerunId]);
  expect((await tenant.client.get(`/v1/executions/${second}`)).at("input")).toEqual({ customer: "Eve" });
});

test("with an idempotency key a repeat is the first rerun; another request under it is refused", async () => {
  const id = await startFailed();
  const path = `/v1/executions/${id}/rerun`;
  const key = { "idempotency-key": "again-1" };
  const answers = await Promise.all(Array.from({ length: 8 }, () => tenant.client.post(path, { from: "start" }, key)));
  expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(7);
  expect(new Set(answers.map((answer) => answer.text("executionId"))).size).toBe(1);
  const other = await tenant.client.post(path, { from: "failedNode" }, key);
  expect([other.status, other.at("code")]).toEqual([422, "IDEMPOTENCY_KEY_REUSED"]);
  expect((await tenant.client.post(path, { from: "start" })).status).toBe(202);
});

test("refuses what makes no sense, and names the field", async () => {
  const id = await startFailed();
  const path = `/v1/executions/${id}/rerun`;
  for (const [body, at] of [
    [{}, "/body/from"],
    [{ from: "middle" }, "/body/from"],
    [{ from: "failedNode", version: "latest" }, "/body/version"],
    [{ from: "failedNode", input: { a: 1 } }, "/body/input"],
    [{ from: "start", input: [] }, "/body/input"],
  ] as const) {
    const refused = await tenant.client.post(path, body);
    expect([refused.status, refused.at("issues", 0, "path")]).toEqual([400, at]);
  }
  const queued = await start();
  const early = await tenant.client.post(`/v1/executions/${queued}/rerun`, { from: "start" });
  expect([early.status, early.at("code"), early.text("detail")]).toEqual([409, "STATE_CONFLICT", "The execution is QUEUED: only one that ended can be rerun."]);
  await tenant.client.post(`/v1/executions/${queued}/cancel`);
  expect((await tenant.client.post(`/v1/executions/${queued}/rerun`, { from: "failedNode" })).status).toBe(202);
  expect((await tenant.client.post(`/v1/executions/${uuidV7.next()}/rerun`, { from: "start" })).status).toBe(404);
  const stranger = await api.createTestTenant(agency, "Stranger");
  expect((await stranger.client.post(path, { from: "start" })).status).toBe(404);
});

test("a dry rerun is queued with the graph that was asked for, and is no execution", async () => {
  const id = await startFailed({ n: 1 });
  const before = (await tenant.client.get("/v1/executions?limit=100")).at("data") as unknown[];
  const made = await tenant.client.post(`/v1/executions/${id}/dry-rerun`, { version: "draft" });
  expect([made.status, made.headers.get("location")]).toEqual([202, `/v1/dry-reruns/${made.text("id")}`]);
  expect(made.body).toMatchObject({ executionId: id, version: "draft", status: "QUEUED", error: null, result: null });
  expect((await tenant.client.get(`/v1/dry-reruns/${made.text("id")}`)).body).toEqual(made.body);
  expect(((await tenant.client.get("/v1/executions?limit=100")).at("data") as unknown[]).length).toBe(before.length);
  expect((await tenant.client.post(`/v1/executions/${id}/dry-rerun`, { version: "latest", input: { n: 2 } })).status).toBe(202);
  const running = await start();
  expect((await tenant.client.post(`/v1/executions/${running}/dry-rerun`, {})).at("code")).toBe("STATE_CONFLICT");
  const stranger = await api.createTestTenant(agency, "Dry stranger");
  expect((await stranger.client.get(`/v1/dry-reruns/${made.text("id")}`)).status).toBe(404);
  expect((await stranger.client.post(`/v1/executions/${id}/dry-rerun`, {})).status).toBe(404);
});

test("a dry rerun of a draft that could not be published is refused with its issues", async () => {
  const own = (await tenant.client.post("/v1/workflows", { name: "Draft", graph: manualGraph })).text("id");
  await tenant.client.post(`/v1/workflows/${own}/publish`);
  const id = (await tenant.client.post(`/v1/workflows/${own}/executions`, {})).text("executionId");
  await tenant.client.post(`/v1/executions/${id}/cancel`);
  await tenant.client.put(`/v1/workflows/${own}/draft`, { graph: { nodes: [{ id: "start", type: "trigger.manual" }, { id: "lost", type: "set" }], edges: [] } });
  const refused = await tenant.client.post(`/v1/executions/${id}/dry-rerun`, { version: "draft" });
  expect([refused.status, refused.at("code"), refused.at("issues", 0, "code")]).toEqual([422, "GRAPH_INVALID", "NODE_UNREACHABLE"]);
  await tenant.client.put(`/v1/workflows/${own}/draft`, { graph: { nodes: [{ id: "begin", type: "trigger.manual" }], edges: [] } });
  const without = await tenant.client.post(`/v1/executions/${id}/dry-rerun`, { version: "draft" });
  expect([without.status, without.text("detail")]).toEqual([409, 'The graph has no trigger "start", which started the execution.']);
});

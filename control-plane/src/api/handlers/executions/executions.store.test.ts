import { CANCEL_CHANNEL, cancelMessageSchema } from "@fluxo/contracts/channels/cancel";
import { uuidV7 } from "@fluxo/prisma/ids";
import { afterAll, beforeAll, expect, test } from "vitest";
import { manualGraph, webhookGraph } from "../../testing/graphs.ts";
import { PREFIX, startHarness, type Harness, type TestAgency, type TestTenant } from "../../testing/harness.ts";
import { claim, failureOf, record, settle } from "../../testing/journey.ts";

let api: Harness;
let agency: TestAgency;
let tenant: TestTenant;
let workflowId: string;

async function publish(owner: TestTenant, name: string, graph: unknown): Promise<string> {
  const id = (await owner.client.post("/v1/workflows", { name, graph })).text("id");
  await owner.client.post(`/v1/workflows/${id}/publish`);
  return id;
}

async function start(input: unknown = {}, headers: Record<string, string> = {}): Promise<string> {
  const answer = await tenant.client.post(`/v1/workflows/${workflowId}/executions`, { input }, headers);
  expect(answer.status).toBe(202);
  return answer.text("executionId");
}

beforeAll(async () => {
  api = await startHarness();
  agency = await api.createTestAgency("Northwind");
  tenant = await api.createTestTenant(agency, "Bakery");
  workflowId = await publish(tenant, "Manual", manualGraph);
});
afterAll(() => api.stop());

test("starts an execution by hand and shows its record", async () => {
  const answer = await tenant.client.post(`/v1/workflows/${workflowId}/executions`, { input: { customer: "Ada", list: [1, null] } });
  expect([answer.status, answer.at("duplicate")]).toEqual([202, false]);
  const path = `/v1/executions/${answer.text("executionId")}`;
  expect(answer.headers.get("location")).toBe(path);
  const read = await tenant.client.get(path);
  expect(read.body).toMatchObject({
    workflowId,
    version: { number: 1 },
    trigger: { nodeId: "start", kind: "manual" },
    status: "QUEUED",
    startedAt: null,
    error: null,
    input: { customer: "Ada", list: [1, null] },
    output: null,
    occurrenceKey: `id:${answer.text("executionId")}`,
  });
});

test("a repeat with the same key is the first execution, for any way to write the same input; another input is refused", async () => {
  const path = `/v1/workflows/${workflowId}/executions`;
  const key = { "idempotency-key": "order-4711" };
  const answers = await Promise.all(Array.from({ length: 10 }, () => tenant.client.send("POST", path, { raw: '{"input":{"b":2,"a":1}}', headers: key })));
  expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
  expect(answers.filter((answer) => answer.status === 200 && answer.at("duplicate") === true)).toHaveLength(9);
  expect(new Set(answers.map((answer) => answer.text("executionId"))).size).toBe(1);
  const reordered = await tenant.client.send("POST", path, { raw: '{ "input": {"a": 1.0, "b": 2} }', headers: key });
  expect([reordered.status, reordered.at("executionId")]).toEqual([200, answers[0]?.at("executionId")]);
  const reused = await tenant.client.post(path, { input: { a: 2 } }, key);
  expect([reused.status, reused.at("code")]).toEqual([422, "IDEMPOTENCY_KEY_REUSED"]);
  for (const wrong of ["with blank", "x".repeat(256)]) {
    const refused = await tenant.client.post(path, { input: {} }, { "idempotency-key": wrong });
    expect([refused.status, refused.at("issues", 0, "path")]).toEqual([400, "/headers/Idempotency-Key"]);
  }
  expect((await tenant.client.post(path, { input: {} }, { "idempotency-key": "x".repeat(255) })).status).toBe(202);
});

test("refuses a start that nothing can take", async () => {
  const unpublished = (await tenant.client.post("/v1/workflows", { name: "Unpublished", graph: manualGraph })).text("id");
  const early = await tenant.client.post(`/v1/workflows/${unpublished}/executions`, {});
  expect([early.status, early.at("code")]).toEqual([409, "WORKFLOW_NOT_PUBLISHED"]);
  const hookOnly = await publish(tenant, "Hook", webhookGraph({ mode: "none" }));
  const without = await tenant.client.post(`/v1/workflows/${hookOnly}/executions`, {});
  expect([without.status, without.at("code")]).toEqual([409, "STATE_CONFLICT"]);
  const two = await publish(tenant, "Two", { nodes: [{ id: "one", type: "trigger.manual" }, { id: "two", type: "trigger.manual" }], edges: [] });
  const ambiguous = await tenant.client.post(`/v1/workflows/${two}/executions`, {});
  expect([ambiguous.status, ambiguous.text("detail")]).toEqual([409, "The workflow has several manual triggers; name one in nodeId: one, two."]);
  expect((await tenant.client.post(`/v1/workflows/${two}/executions`, { nodeId: "two" })).status).toBe(202);
  expect((await tenant.client.post(`/v1/workflows/${uuidV7.next()}/executions`, {})).status).toBe(404);
  expect((await tenant.client.post(`/v1/workflows/${workflowId}/executions`, { input: [] })).status).toBe(400);
  expect((await tenant.client.post(`/v1/workflows/${workflowId}/executions`)).status).toBe(400);
});

test("lists executions by filter and page, each exactly once", async () => {
  const own = await api.createTestTenant(agency, "List");
  const workflow = await publish(own, "Many", manualGraph);
  const ids: string[] = [];
  for (let index = 0; index < 7; index += 1) ids.push((await own.client.post(`/v1/workflows/${workflow}/executions`, {})).text("executionId"));
  // One instant for all: only the id tells them apart.
  await api.pool.query("BEGIN; SELECT set_config('app.tenant_id', '" + own.id + "', true); UPDATE executions SET queued_at = '2026-05-01T10:00:00.000Z'; COMMIT");
  const listed: string[] = [];
  for (let query: string | undefined = "limit=3"; query !== undefined; ) {
    const page = await own.client.get(`/v1/executions?${query}`);
    listed.push(...(page.at("data") as { id: string }[]).map(({ id }) => id));
    query = page.at("nextPageToken") === null ? undefined : `limit=3&pageToken=${page.text("nextPageToken")}`;
  }
  expect(listed).toEqual(ids.toReversed());
  await own.client.post(`/v1/executions/${ids[0] ?? ""}/cancel`);
  const countOf = async (query: string): Promise<unknown> => ((await own.client.get(`/v1/executions?${query}`)).at("data") as unknown[]).length;
  expect(await countOf("status=CANCELED")).toBe(1);
  expect(await countOf("status=CANCELED&status=QUEUED")).toBe(7);
  expect(await countOf(`workflowId=${workflow}&status=QUEUED`)).toBe(6);
  expect(await countOf(`workflowId=${uuidV7.next()}`)).toBe(0);
  expect(await countOf(`triggerId=${(await own.client.get(`/v1/workflows/${workflow}/triggers`)).text("data", 0, "id")}`)).toBe(7);
  expect(await countOf("from=2026-05-01T12:00:00%2B02:00")).toBe(7);
  expect(await countOf("to=2026-05-01T10:00:00Z")).toBe(0);
  expect(await countOf("reason=QUOTA_EXCEEDED")).toBe(0);
  expect((await own.client.get("/v1/executions?status=DONE")).at("issues", 0, "path")).toBe("/query/status/0");
  expect((await own.client.get("/v1/executions")).at("data", 0)).not.toHaveProperty("input");
});

test("explains a failure: journal in plan order, earlier attempts, stored outputs, events", async () => {
  const large = "x".repeat(40_000);
  const id = await start({ large });
  expect((await claim(api, tenant, id)).claimed).toHaveLength(1);
  const earlier = failureOf("call", 1, "2026-01-01T00:00:01.000Z");
  const last = { ...failureOf("call", 2, "2026-01-01T00:00:03.000Z"), stack: "Error: at call" };
  await record(api, tenant, id, { nodeId: "call", position: 2, status: "FAILED", attempt: 2, ports: [], nodeType: "http.request", integration: "http", failure: last, attempts: [earlier] });
  await record(api, tenant, id, { nodeId: "start", position: 0, nodeType: "trigger.manual", output: { large } });
  await record(api, tenant, id, { nodeId: "skipped", position: 3, status: "SKIPPED", attempt: 0, ports: [], startedAt: null, completedAt: null });
  await record(api, tenant, id, { nodeId: "b", position: 1, item: 1, output: { ok: true } });
  await record(api, tenant, id, { nodeId: "b", position: 1, item: 0, output: 1 });
  const error = { code: "PROVIDER_FAILED", message: "The provider answered 503.", stack: "Error: at call", nodeId: "call" } as const;
  await settle(api, tenant, id, { status: "FAILED", output: { failures: [last], large }, error });

  const read = await tenant.client.get(`/v1/executions/${id}`);
  expect(read.body).toMatchObject({ status: "FAILED", error, input: { large }, output: { large } });
  expect(read.at("durationMs")).toBeGreaterThanOrEqual(0);
  const timeline = await tenant.client.get(`/v1/executions/${id}/timeline`);
  expect(timeline.status).toBe(200);
  const journal = timeline.at("journal") as { nodeId: string; item: number }[];
  expect(journal.map(({ nodeId, item }) => `${nodeId}:${item}`)).toEqual(["start:0", "b:0", "b:1", "call:0", "skipped:0"]);
  expect(journal[0]).toMatchObject({ type: "trigger.manual", durationMs: 250, output: { large } });
  expect(journal[3]).toMatchObject({ status: "FAILED", attempt: 2, integration: "http", failure: last, attempts: [earlier], output: null });
  expect(journal[4]).toMatchObject({ status: "SKIPPED", durationMs: null, startedAt: null });
  expect(timeline.at("failures")).toEqual([earlier, last]);
  expect((timeline.at("events") as { type: string }[]).map(({ type }) => type)).toEqual(["queued", "started", "completed"]);
  expect(timeline.text("events", 2, "message")).toContain("PROVIDER_FAILED: The provider answered 503.");
  const brief = await tenant.client.get(`/v1/executions/${id}/timeline?includeOutputs=false`);
  expect(JSON.stringify(brief.body)).not.toContain("xxx");
  expect(brief.at("journal", 0)).not.toHaveProperty("output");
});

test("a large journal comes in pages in plan order, each entry exactly once, with the failures of its entries; filters pick a node and an item", async () => {
  const id = await start();
  await claim(api, tenant, id);
  const failure = failureOf("call", 1, "2026-01-01T00:00:01.000Z");
  const wait = { ...failureOf("later", 1, "2026-01-01T00:00:02.000Z"), code: "INTEGRATION_OUTAGE", message: "Integration outage of host x." } as const;
  await record(api, tenant, id, { nodeId: "start", position: 0, nodeType: "trigger.manual" });
  for (let item = 0; item < 3; item += 1) {
    await record(api, tenant, id, { nodeId: "call", position: 1, item, output: { large: "y".repeat(40_000), item } });
    await record(api, tenant, id, { nodeId: "then", position: 2, item, ...(item === 1 ? { status: "FAILED", failure, ports: [] } : {}) });
  }
  await record(api, tenant, id, { nodeId: "later", position: 3, status: "WAITING", reason: "BACKOFF", failure: wait, completedAt: null, resumeAt: new Date("2026-01-01T00:01:00.000Z") });
  await settle(api, tenant, id, { status: "WAITING", reason: "BACKOFF", resumeAt: new Date(Date.now() + 60_000) });
  const path = `/v1/executions/${id}/timeline`;
  const entries = ({ body }: { readonly body: unknown }): string[] => (body as { journal: { nodeId: string; item: number }[] }).journal.map(({ nodeId, item }) => `${nodeId}:${item}`);

  const whole = await tenant.client.get(path);
  expect([entries(whole).length, whole.at("nextJournalPageToken")]).toEqual([8, null]);
  const seen: string[] = [];
  const failures: unknown[] = [];
  for (let query: string | undefined = "limit=3"; query !== undefined; ) {
    const page = await tenant.client.get(`${path}?${query}`);
    expect(page.at("events")).toEqual(whole.at("events"));
    seen.push(...entries(page));
    failures.push(page.at("failures"));
    query = page.at("nextJournalPageToken") === null ? undefined : `limit=3&pageToken=${page.text("nextJournalPageToken")}`;
  }
  expect(seen).toEqual(["start:0", "call:0", "call:1", "call:2", "then:0", "then:1", "then:2", "later:0"]);
  expect(failures).toEqual([[], [failure], [wait]]);
  expect(JSON.stringify(whole.at("events"))).toContain("Integration outage of host x.");

  const ofNode = await tenant.client.get(`${path}?nodeId=call&item=2`);
  expect([entries(ofNode), ofNode.at("journal", 0, "output", "item"), ofNode.at("failures")]).toEqual([["call:2"], 2, []]);
  expect(entries(await tenant.client.get(`${path}?item=1&includeOutputs=false`))).toEqual(["call:1", "then:1"]);
  const first = await tenant.client.get(`${path}?nodeId=call&limit=2`);
  expect([entries(first), entries(await tenant.client.get(`${path}?nodeId=call&limit=2&pageToken=${first.text("nextJournalPageToken")}`))]).toEqual([["call:0", "call:1"], ["call:2"]]);
  for (const [query, field] of [["limit=1001", "limit"], ["limit=0", "limit"], ["item=-1", "item"], ["pageToken=WyJ4Il0", "pageToken"]] as const) {
    const refused = await tenant.client.get(`${path}?${query}`);
    expect([refused.status, refused.at("issues", 0, "path")]).toEqual([400, `/query/${field}`]);
  }
});

test("tells why an execution was blocked", async () => {
  const free = await api.createTestTenant(agency, "Suspended");
  const workflow = await publish(free, "W", manualGraph);
  const id = (await free.client.post(`/v1/workflows/${workflow}/executions`, {})).text("executionId");
  await agency.client.patch(`/v1/tenants/${free.id}`, { status: "SUSPENDED" });
  expect((await claim(api, free, id)).blocked).toHaveLength(1);
  const read = await free.client.get(`/v1/executions/${id}`);
  expect(read.body).toMatchObject({ status: "BLOCKED", reason: "TENANT_SUSPENDED", startedAt: null, error: { code: "TENANT_SUSPENDED", nodeId: null } });
  const timeline = await free.client.get(`/v1/executions/${id}/timeline`);
  expect(timeline.at("events", 1)).toMatchObject({ type: "blocked", message: "Refused: TENANT_SUSPENDED. The tenant is suspended." });
  expect((await free.client.get("/v1/executions?reason=TENANT_SUSPENDED")).at("data", 0, "id")).toBe(id);
});

test("cancels what is queued at once, asks what runs, and refuses what ended otherwise", async () => {
  const queued = await start();
  const canceled = await tenant.client.post(`/v1/executions/${queued}/cancel`);
  expect([canceled.status, canceled.body]).toEqual([200, { status: "CANCELED" }]);
  expect((await tenant.client.post(`/v1/executions/${queued}/cancel`)).status).toBe(200);
  expect((await tenant.client.get(`/v1/executions/${queued}/timeline`)).at("events", 2)).toMatchObject({ type: "canceled", message: "Canceled before it started." });

  const running = await start();
  await claim(api, tenant, running);
  const heard = Promise.withResolvers<string>();
  const listener = api.redis.duplicate();
  listener.on("message", (_channel: string, message: string) => heard.resolve(message));
  await listener.subscribe(`${PREFIX}:${CANCEL_CHANNEL}`);
  const asked = await tenant.client.post(`/v1/executions/${running}/cancel`);
  expect([asked.status, asked.headers.get("location"), asked.body]).toEqual([202, `/v1/executions/${running}`, { status: "RUNNING", cancelRequested: true }]);
  expect(cancelMessageSchema.parse(JSON.parse(await heard.promise))).toEqual({ version: 1, tenantId: tenant.id, executionId: running });
  listener.disconnect();
  expect((await tenant.client.get(`/v1/executions/${running}`)).text("cancelRequestedAt")).toMatch(/Z$/);
  await settle(api, tenant, running, { status: "SUCCESS", output: { done: true } });
  const late = await tenant.client.post(`/v1/executions/${running}/cancel`);
  expect([late.status, late.at("code"), late.text("detail")]).toEqual([409, "STATE_CONFLICT", "The execution ended already, with SUCCESS."]);
  expect((await tenant.client.post(`/v1/executions/${uuidV7.next()}/cancel`)).status).toBe(404);
});

test("counts what runs and what is reserved in the usage", async () => {
  const own = await api.createTestTenant(agency, "Usage");
  const workflow = await publish(own, "W", manualGraph);
  const ids = await Promise.all([1, 2].map(async () => (await own.client.post(`/v1/workflows/${workflow}/executions`, {})).text("executionId")));
  for (const id of ids) await claim(api, own, id);
  await settle(api, own, ids[0] ?? "", { status: "SUCCESS", output: null });
  const usage = await own.client.get(`/v1/tenants/${own.id}/usage`);
  expect(usage.body).toMatchObject({ executions: { used: 1, reserved: 1, remaining: 249_998 }, concurrency: { running: 1, max: 50 } });
});

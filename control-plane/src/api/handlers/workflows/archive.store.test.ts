import { resolveHook } from "@fluxo/prisma/access/hooks";
import { claimTriggers } from "@fluxo/prisma/dispatch/claim";
import { listWatchedTriggersAcross } from "@fluxo/prisma/repositories/watched-triggers";
import { listWorkflowsAcross } from "@fluxo/prisma/repositories/workflows";
import { afterAll, beforeAll, expect, test } from "vitest";
import { manualGraph, webhookGraph } from "../../testing/graphs.ts";
import { INGRESS_URL, PLANS, startHarness, type Harness, type TestAgency, type TestTenant } from "../../testing/harness.ts";
import { claim, record, settle } from "../../testing/journey.ts";

let api: Harness;
let agency: TestAgency;
let tenant: TestTenant;

beforeAll(async () => {
  api = await startHarness();
  agency = await api.createTestAgency("Northwind");
  tenant = await api.createTestTenant(agency, "Bakery");
});
afterAll(() => api.stop());

let count = 0;
async function published(graph: unknown = manualGraph, owner: TestTenant = tenant): Promise<{ readonly id: string; readonly path: string; readonly hookUrl: string }> {
  count += 1;
  const created = await owner.client.post("/v1/workflows", { name: `Workflow ${count}`, graph });
  const path = `/v1/workflows/${created.text("id")}`;
  const answer = await owner.client.post(`${path}/publish`);
  expect(answer.status).toBe(201);
  return { id: created.text("id"), path, hookUrl: String(answer.at("triggers", 0, "hookUrl")) };
}
const start = async (path: string): Promise<string> => (await tenant.client.post(`${path}/executions`, { input: {} })).text("executionId");
const archive = async (path: string) => expect((await tenant.client.post(`${path}/archive`)).status).toBe(200);
const statusOf = async (id: string) => (await tenant.client.get(`/v1/executions/${id}`)).body as { status: string; reason: string | null };
async function end(executionId: string): Promise<void> {
  await settle(api, tenant, executionId, { status: "SUCCESS", output: {} });
}

test("an archived workflow is off and out of the lists, its name is free, and it comes back switched off", async () => {
  const own = await api.createTestTenant(agency, "Archive");
  const names = async (query: string): Promise<string[]> => ((await own.client.get(`/v1/workflows${query}`)).at("data") as { name: string }[]).map(({ name }) => name);
  const { path } = await published(manualGraph, own);
  const read = await own.client.get(path);
  const name = read.text("name");
  const tag = read.headers.get("etag") ?? "";
  expect((await own.client.post(`${path}/archive`, undefined, { "if-match": '"another"' })).status).toBe(412);
  const archived = await own.client.post(`${path}/archive`, undefined, { "if-match": tag });
  expect([archived.status, archived.at("isActive"), typeof archived.at("archivedAt")]).toEqual([200, false, "string"]);
  expect((await own.client.post(`${path}/archive`)).body).toEqual(archived.body);
  expect([await names(""), await names("?archived=false"), await names("?archived=true")]).toEqual([[], [], [name]]);
  expect((await own.client.get("/v1/triggers")).at("data")).toEqual([]);
  const group = { agencyId: agency.id, tenantIds: new Set([own.id]) };
  const across = await api.tenantDb.acrossTenants(agency.id, async (db) => [await listWorkflowsAcross(db, group, { isArchived: false }, 10), await listWorkflowsAcross(db, group, { isArchived: true }, 10), await listWatchedTriggersAcross(db, group, {}, 10)]);
  expect(across.map(({ items }) => items.length)).toEqual([0, 1, 0]);
  expect((await own.client.get(`${path}/versions`)).at("data")).toHaveLength(1);

  expect((await own.client.post("/v1/workflows", { name })).status).toBe(201);
  const taken = await own.client.post(`${path}/restore`);
  expect([taken.status, taken.at("code")]).toEqual([409, "NAME_TAKEN"]);
  const restored = await own.client.post(`${path}/restore`, { name: "Restored" });
  expect(restored.body).toMatchObject({ name: "Restored", isActive: false, archivedAt: null, publishedVersion: { number: 1 } });
  expect((await own.client.patch(path, { isActive: true })).at("isActive")).toBe(true);
  const actions = ((await agency.client.get("/v1/audit-entries?limit=100")).at("data") as { action: string }[]).map(({ action }) => action);
  expect(actions).toEqual(expect.arrayContaining(["archiveWorkflow", "restoreWorkflow"]));
});

test("an archived workflow refuses changes and starts with a code of its own", async () => {
  const { path } = await published();
  const executionId = await start(path);
  await claim(api, tenant, executionId);
  await end(executionId);
  await archive(path);
  const refusals = [
    await tenant.client.patch(path, { isActive: true }),
    await tenant.client.patch(path, { name: "Another" }),
    await tenant.client.put(`${path}/draft`, { graph: manualGraph }),
    await tenant.client.put(`${path}/pins`, { pins: {} }),
    await tenant.client.post(`${path}/publish`),
    await tenant.client.post(`${path}/rollback`, { number: 1 }),
    await tenant.client.post(`${path}/executions`, { input: {} }),
    await tenant.client.post(`/v1/executions/${executionId}/rerun`, { from: "start" }),
  ];
  for (const refused of refusals) expect([refused.status, refused.at("code")]).toEqual([409, "WORKFLOW_ARCHIVED"]);
});

test("its triggers watch nothing, its hook is nobody's, and it does not count", async () => {
  const free = await api.createTestTenant(agency, "Free", PLANS.FREE);
  const hook = await published(webhookGraph({ mode: "none" }), free);
  const token = hook.hookUrl.slice(`${INGRESS_URL}/hooks/`.length);
  expect(await resolveHook(api.pool, token)).toBeDefined();
  for (let more = 0; more < 4; more += 1) await published(manualGraph, free);
  const sixth = await free.client.post("/v1/workflows", { name: "Sixth", graph: manualGraph });
  expect((await free.client.post(`/v1/workflows/${sixth.text("id")}/publish`)).at("code")).toBe("TOO_MANY_WORKFLOWS");
  expect((await free.client.post(`${hook.path}/archive`)).status).toBe(200);
  expect((await free.client.post(`/v1/workflows/${sixth.text("id")}/publish`)).status).toBe(201);
  expect(await resolveHook(api.pool, token)).toBeUndefined();

  const schedule = await published({ nodes: [{ id: "tick", type: "trigger.schedule", params: { when: { kind: "interval", everySeconds: 60 } } }], edges: [] });
  await archive(schedule.path);
  const { rows } = await api.owner.query("SELECT next_due_at, claimable_at FROM trigger_states s JOIN triggers t ON t.tenant_id = s.tenant_id AND t.id = s.trigger_id WHERE t.workflow_id = $1", [schedule.id]);
  expect(rows).toEqual([{ next_due_at: null, claimable_at: null }]);
  const due = await claimTriggers(api.system, { kind: "schedule", owner: "test", leaseMs: 1_000, limit: 100 });
  expect(due.map(({ workflowId }) => workflowId)).not.toContain(schedule.id);
  await tenant.client.post(`${schedule.path}/restore`);
  await tenant.client.patch(schedule.path, { isActive: true });
  const again = await claimTriggers(api.system, { kind: "schedule", owner: "test", leaseMs: 1_000, limit: 100 });
  expect(again.map(({ workflowId }) => workflowId)).toContain(schedule.id);
});

test("what runs goes on to its end, what is queued is blocked, and until then nobody deletes it", async () => {
  const { id, path } = await published();
  const [running, queued] = [await start(path), await start(path)];
  await claim(api, tenant, running);
  expect((await tenant.client.delete(path)).at("code")).toBe("STATE_CONFLICT");
  await archive(path);
  const busy = await tenant.client.delete(path);
  expect([busy.status, busy.at("code"), busy.at("detail")]).toEqual([409, "WORKFLOW_BUSY", "2 executions of the workflow have not ended: 1 running, 0 waiting, 1 queued."]);
  await claim(api, tenant, queued);
  expect(await statusOf(queued)).toMatchObject({ status: "BLOCKED", reason: "WORKFLOW_INACTIVE" });
  await record(api, tenant, running, { nodeId: "greet", position: 1 });
  await end(running);
  expect(await statusOf(running)).toMatchObject({ status: "SUCCESS" });

  // A version that nothing ran goes; the one that was run stays with its execution.
  await tenant.client.post(`${path}/restore`);
  await tenant.client.put(`${path}/draft`, { graph: { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] } });
  expect((await tenant.client.post(`${path}/publish`)).at("version", "number")).toBe(2);
  await archive(path);
  const tag = (await tenant.client.get(path)).headers.get("etag") ?? "";
  expect((await tenant.client.delete(path, { "if-match": '"another"' })).status).toBe(412);
  expect((await tenant.client.delete(path, { "if-match": tag })).status).toBe(204);
  for (const gone of [path, `${path}/draft`, `${path}/versions`, `${path}/versions/2`, `${path}/triggers`]) expect([gone, (await tenant.client.get(gone)).status]).toEqual([gone, 404]);
  for (const verb of ["archive", "restore", "publish"]) expect([verb, (await tenant.client.post(`${path}/${verb}`)).status]).toEqual([verb, 404]);
  expect((await tenant.client.delete(path)).status).toBe(404);
  expect(((await tenant.client.get("/v1/workflows?archived=true&limit=100")).at("data") as { id: string }[]).map((workflow) => workflow.id)).not.toContain(id);

  const execution = await tenant.client.get(`/v1/executions/${running}`);
  expect(execution.body).toMatchObject({ status: "SUCCESS", workflowId: id, version: { number: 1 } });
  expect((await tenant.client.get(`${path}/versions/1`)).at("graph", "nodes", 1, "id")).toBe("greet");
  expect((await tenant.client.get(`/v1/executions?workflowId=${id}`)).at("data")).toHaveLength(2);
  expect((await tenant.client.get(`/v1/executions/${running}/timeline`)).status).toBe(200);
  expect((await tenant.client.post(`/v1/executions/${running}/rerun`, { from: "start" })).at("code")).toBe("WORKFLOW_ARCHIVED");
  expect((await tenant.client.post(`/v1/executions/${running}/dry-rerun`, { version: "draft" })).status).toBe(404);
});

test("of a workflow without executions nothing is left, and an error workflow is not deleted under those that name it", async () => {
  const credential = await tenant.client.post("/v1/credentials", { name: "Shop", kind: "bearer", fields: { hosts: ["api.example.com"], token: "token" } });
  const graph = { nodes: [{ id: "failed", type: "trigger.error" }, { id: "tell", type: "http.request", params: { method: "GET", url: "https://api.example.com/", credential: credential.text("id") } }], edges: [{ from: "failed", to: "tell" }] };
  const errors = await published(graph);
  const { id, path } = await published();
  await tenant.client.patch(path, { errorWorkflowId: errors.id });
  await archive(errors.path);
  const used = await tenant.client.delete(errors.path);
  expect([used.status, used.at("code"), used.text("detail").includes(`the workflow "Workflow`)]).toEqual([409, "STATE_CONFLICT", true]);
  // Archived, it is told nothing: the tenant's is.
  const fallback = await published({ nodes: [{ id: "failed", type: "trigger.error" }], edges: [] });
  expect((await agency.client.patch(`/v1/tenants/${tenant.id}`, { errorWorkflowId: fallback.id })).status).toBe(200);
  const failed = await start(path);
  await claim(api, tenant, failed);
  await settle(api, tenant, failed, { status: "FAILED", output: {}, error: { code: "NODE_INTERNAL", message: "Failed.", stack: null, nodeId: "greet" } });
  expect((await tenant.client.get(`/v1/executions?workflowId=${errors.id}`)).at("data")).toEqual([]);
  expect((await tenant.client.get(`/v1/executions?workflowId=${fallback.id}`)).at("data")).toHaveLength(1);
  await tenant.client.patch(path, { errorWorkflowId: null });
  expect((await tenant.client.delete(`/v1/credentials/${credential.text("id")}`)).at("code")).toBe("STATE_CONFLICT");
  expect((await tenant.client.delete(errors.path)).status).toBe(204);
  for (const [table, column] of [["workflows", "id"], ["workflow_versions", "workflow_id"], ["triggers", "workflow_id"]]) {
    expect([table, (await api.owner.query(`SELECT 1 FROM ${table ?? ""} WHERE ${column ?? ""} = $1`, [errors.id])).rowCount]).toEqual([table, 0]);
  }
  expect((await tenant.client.delete(`/v1/credentials/${credential.text("id")}`)).status).toBe(204);
  expect(id).not.toBe(errors.id);
});

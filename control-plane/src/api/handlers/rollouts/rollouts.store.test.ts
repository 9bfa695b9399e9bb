import { randomBytes } from "node:crypto";
import { uuidV7 } from "@fluxo/prisma/ids";
import { claimTurns } from "@fluxo/prisma/operations/turns";
import { createLogger } from "@fluxo/runtime/logger";
import { ManualClock } from "@fluxo/runtime/testing/manual-clock";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { OperationWorker } from "../../../operations/operation-worker.ts";
import { workerOf } from "../../../operations/testing/workers.ts";
import { Rollouts, type RolloutPorts } from "../../../templates/rollouts.ts";
import { manualGraph } from "../../testing/graphs.ts";
import { PLANS, startHarness, type Harness, type TestAgency, type TestTenant } from "../../testing/harness.ts";
import { claim, settle } from "../../testing/journey.ts";
import { createTemplate, greetingVersion, installed } from "../../testing/templates.ts";

let api: Harness;
let agency: TestAgency;
let clock: ManualClock;

beforeAll(async () => {
  api = await startHarness();
  agency = await api.createTestAgency("Northwind");
  clock = new ManualClock(new Date());
});
afterAll(() => api.stop());
/** Workers see the rollouts of all agencies: what a test leaves must not be worked in the next one. */
afterEach(async () => {
  for (const { id } of (await agency.client.get("/v1/rollouts?status=RUNNING&status=PAUSED&limit=100")).at("data") as { id: string }[]) await agency.client.post(`/v1/rollouts/${id}/abort`);
});

const logger = createLogger({ service: "test", level: "fatal" });
const createWorker = (rest: Partial<RolloutPorts> = {}): OperationWorker =>
  workerOf(new Rollouts({ tenantDb: api.tenantDb, clock, ids: uuidV7, randomBytes, box: api.box, logger, observeMs: 0, ...rest }), api.system);

let names = 0;
async function createTenants(count: number, planId?: string): Promise<TestTenant[]> {
  const tenants: TestTenant[] = [];
  for (let index = 0; index < count; index += 1) tenants.push(await api.createTestTenant(agency, `Shop ${(names += 1)}`, planId));
  return tenants.toSorted((left, right) => (left.id < right.id ? -1 : 1));
}

async function start(templateId: string, body: object): Promise<string> {
  const created = await agency.client.post(`/v1/templates/${templateId}/rollouts`, body);
  expect([created.status, created.body]).toEqual([202, expect.anything()]);
  return created.text("id");
}

const read = async (id: string) => (await agency.client.get(`/v1/rollouts/${id}`)).body as { status: string; phase: string; stop: { code: string } | null; tenants: Record<string, number> };
const items = async (id: string) => ((await agency.client.get(`/v1/rollouts/${id}/tenants?limit=100`)).at("data") as { tenantId: string; isCanary: boolean; status: string; code: string | null; workflowId: string }[]);
const versionsOf = async (templateId: string) => (await agency.client.get(`/v1/templates/${templateId}/installations?limit=100`)).at("versions");

/** An execution of a tenant's template that ended. */
async function execute(tenant: TestTenant, workflowId: string, status: "SUCCESS" | "FAILED"): Promise<void> {
  const id = (await tenant.client.post(`/v1/workflows/${workflowId}/executions`, { input: {} })).text("executionId");
  await claim(api, tenant, id);
  await settle(api, tenant, id, status === "SUCCESS" ? { status, output: {} } : { status, output: {}, error: { code: "NODE_INTERNAL", message: "Failed.", stack: null, nodeId: "greet" } });
}

test("brings a version to all tenants that have the template and to named ones that do not; one that cannot have it keeps what it has", async () => {
  const templateId = await createTemplate(agency, greetingVersion());
  const [first, second, third] = await createTenants(3);
  const [small] = await createTenants(1, PLANS.FREE);
  if (first === undefined || second === undefined || third === undefined || small === undefined) throw new Error("no tenants");
  for (const tenant of [first, second]) await installed(agency, templateId, tenant, { shop: tenant.id.slice(-4) });
  await third.client.post("/v1/workflows", { name: (await agency.client.get(`/v1/templates/${templateId}`)).text("name") });
  const large = greetingVersion("Good day");
  const more = Array.from({ length: 9 }, (_, index) => ({ id: `n${index}`, type: "set", params: { fields: {} } }));
  await agency.client.post(`/v1/templates/${templateId}/versions`, { ...large, graph: { nodes: [...large.graph.nodes, ...more], edges: [...large.graph.edges, ...more.map(({ id }) => ({ from: "start", to: id }))] } });
  const id = await start(templateId, { tenantIds: [first.id, second.id, third.id, small.id], parameters: { shop: "Common" }, parametersByTenant: { [second.id]: { shop: "Second" } } });
  expect((await read(id)).tenants).toMatchObject({ PENDING: 4 });
  await createWorker().tick();
  expect(await read(id)).toMatchObject({ status: "DONE", phase: "REST", tenants: { DONE: 2, BLOCKED: 2, PENDING: 0, FAILED: 0 } });
  const byTenant = new Map((await items(id)).map((item) => [item.tenantId, [item.status, item.code]]));
  expect([byTenant.get(third.id), byTenant.get(small.id)]).toEqual([["BLOCKED", "NAME_TAKEN"], ["BLOCKED", "TOO_MANY_NODES"]]);
  expect((await agency.client.get(`/v1/templates/${templateId}/installations/${second.id}`)).body).toMatchObject({ versionNumber: 2, parameters: { shop: "Second", count: 3 } });
  expect(await versionsOf(templateId)).toEqual([{ number: 2, tenants: 2 }]);
  expect((await small.client.get("/v1/workflows")).at("data")).toEqual([]);
});

test("a tenant that archived the workflow is skipped with the reason, and keeps what it has", async () => {
  const templateId = await createTemplate(agency, greetingVersion());
  const [first, second] = await createTenants(2);
  if (first === undefined || second === undefined) throw new Error("no tenants");
  const { workflowId } = await installed(agency, templateId, first, { shop: "Shop" });
  await installed(agency, templateId, second, { shop: "Shop" });
  await first.client.post(`/v1/workflows/${workflowId}/archive`);
  await agency.client.post(`/v1/templates/${templateId}/versions`, greetingVersion("Good day"));
  const id = await start(templateId, {});
  await createWorker().tick();
  expect(await read(id)).toMatchObject({ status: "DONE", tenants: { DONE: 1, SKIPPED: 1, PENDING: 0 } });
  expect((await items(id)).find(({ tenantId }) => tenantId === first.id)).toMatchObject({ status: "SKIPPED", code: "WORKFLOW_ARCHIVED" });
  expect((await agency.client.get(`/v1/templates/${templateId}/installations/${first.id}`)).body).toMatchObject({ versionNumber: 1, refusal: { code: "WORKFLOW_ARCHIVED" } });
  expect((await agency.client.post(`/v1/templates/${templateId}/installations/${first.id}/move`, {})).at("code")).toBe("WORKFLOW_ARCHIVED");
  await first.client.delete(`/v1/workflows/${workflowId}`);
  expect((await agency.client.get(`/v1/templates/${templateId}/installations/${first.id}`)).status).toBe(404);
});

test("canary tenants go first, and the others wait for a person", async () => {
  const templateId = await createTemplate(agency, greetingVersion());
  const tenants = await createTenants(4);
  for (const tenant of tenants) await installed(agency, templateId, tenant, { shop: "Shop" });
  await agency.client.post(`/v1/templates/${templateId}/versions`, greetingVersion("Good day"));
  const id = await start(templateId, { canary: { percent: 25, policy: { mode: "approval" } } });
  const worker = createWorker();
  await worker.tick();
  expect(await read(id)).toMatchObject({ status: "RUNNING", phase: "OBSERVE", tenants: { DONE: 1, PENDING: 3 } });
  expect((await items(id)).map(({ isCanary, status }) => [isCanary, status])).toEqual([[true, "DONE"], [false, "PENDING"], [false, "PENDING"], [false, "PENDING"]]);
  await worker.tick();
  await worker.tick();
  expect(await read(id)).toMatchObject({ status: "AWAITING_APPROVAL", tenants: { DONE: 1, PENDING: 3 } });
  expect((await agency.client.post(`/v1/rollouts/${id}/pause`)).at("code")).toBe("STATE_CONFLICT");
  expect((await agency.client.post(`/v1/rollouts/${id}/approve`)).body).toMatchObject({ status: "RUNNING", phase: "REST" });
  await worker.tick();
  expect(await read(id)).toMatchObject({ status: "DONE", tenants: { DONE: 4, PENDING: 0 } });
  expect((await agency.client.post(`/v1/rollouts/${id}/abort`)).at("code")).toBe("STATE_CONFLICT");
});

test.each([
  ["enough executions without failures let it go on", 3, 0, { status: "DONE", phase: "REST", stop: null }],
  ["too many failures stop it", 0, 2, { status: "STOPPED", phase: "OBSERVE", stop: { code: "CANARY_FAILURE_RATE" } }],
  ["too few executions within the window stop it", 1, 0, { status: "STOPPED", phase: "OBSERVE", stop: { code: "CANARY_INCONCLUSIVE" } }],
] as const)("%s", async (_name, succeeded, failed, expected) => {
  const templateId = await createTemplate(agency, greetingVersion());
  const tenants = await createTenants(2);
  const [canary, other] = tenants;
  if (canary === undefined || other === undefined) throw new Error("no tenants");
  const { workflowId } = await installed(agency, templateId, canary, { shop: "Shop" });
  await installed(agency, templateId, other, { shop: "Shop" });
  // What the version of before did does not count.
  for (let count = 0; count < 5; count += 1) await execute(canary, workflowId, "FAILED");
  await agency.client.post(`/v1/templates/${templateId}/versions`, greetingVersion("Good day"));
  const id = await start(templateId, { canary: { tenantIds: [canary.id], policy: { mode: "automatic", minExecutions: 3, failureRateMax: 0.5, windowMinutes: 10 } } });
  const worker = createWorker();
  await worker.tick();
  for (let count = 0; count < succeeded; count += 1) await execute(canary, workflowId, "SUCCESS");
  for (let count = 0; count < failed; count += 1) await execute(canary, workflowId, "FAILED");
  if (succeeded + failed < 3) {
    await worker.tick();
    if (failed === 0) expect(await read(id)).toMatchObject({ status: "RUNNING", phase: "OBSERVE" });
    await clock.advance(10 * 60_000);
  }
  for (let round = 0; round < 3; round += 1) await worker.tick();
  expect(await read(id)).toMatchObject(expected);
  expect(await versionsOf(templateId)).toEqual(expected.status === "DONE" ? [{ number: 2, tenants: 2 }] : [{ number: 2, tenants: 1 }, { number: 1, tenants: 1 }]);
  if (expected.status === "DONE") return;
  expect((await agency.client.post(`/v1/rollouts/${id}/approve`)).body).toMatchObject({ status: "RUNNING", phase: "REST", stop: null });
  await worker.tick();
  expect(await read(id)).toMatchObject({ status: "DONE", tenants: { DONE: 2 } });
});

test("a rollout is taken back: old versions and parameters return, new workflows are switched off, tenants that moved on are left alone", async () => {
  const templateId = await createTemplate(agency, greetingVersion());
  const [kept, moved, fresh] = await createTenants(3);
  if (kept === undefined || moved === undefined || fresh === undefined) throw new Error("no tenants");
  const { workflowId } = await installed(agency, templateId, kept, { shop: "Kept" });
  await installed(agency, templateId, moved, { shop: "Moved" });
  await agency.client.post(`/v1/templates/${templateId}/versions`, greetingVersion("Good day"));
  const id = await start(templateId, { tenantIds: [kept.id, moved.id, fresh.id], parameters: { shop: "New" } });
  const worker = createWorker();
  await worker.tick();
  await agency.client.post(`/v1/templates/${templateId}/versions`, greetingVersion("Good evening"));
  await agency.client.post(`/v1/templates/${templateId}/installations/${moved.id}/move`, { number: 3 });
  const back = await agency.client.post(`/v1/rollouts/${id}/rollback`);
  expect([back.status, back.body]).toEqual([202, expect.objectContaining({ kind: "rollback", rollsBackId: id, versionId: null })]);
  await worker.tick();
  const rollbackId = back.text("id");
  expect(await read(rollbackId)).toMatchObject({ status: "DONE", tenants: { DONE: 2, SKIPPED: 1 } });
  expect((await agency.client.get(`/v1/templates/${templateId}/installations/${kept.id}`)).body).toMatchObject({ versionNumber: 1, parameters: { shop: "Kept", count: 3 } });
  expect((await kept.client.get(`/v1/workflows/${workflowId}`)).body).toMatchObject({ isActive: true, publishedVersion: { number: 1 } });
  expect((await fresh.client.get("/v1/workflows")).at("data", 0, "isActive")).toBe(false);
  expect((await agency.client.get(`/v1/templates/${templateId}/installations/${moved.id}`)).at("versionNumber")).toBe(3);
  expect((await agency.client.post(`/v1/rollouts/${rollbackId}/rollback`)).at("code")).toBe("STATE_CONFLICT");
});

test("several workers share a rollout, each tenant once; one that dies leaves nothing half done, and pausing holds the rest", async () => {
  const templateId = await createTemplate(agency, greetingVersion());
  const tenants = await createTenants(6);
  for (const tenant of tenants) await installed(agency, templateId, tenant, { shop: "Shop" });
  await agency.client.post(`/v1/templates/${templateId}/versions`, greetingVersion("Good day"));
  const id = await start(templateId, {});
  // A worker that took the lease and died: nobody else works until it runs out.
  expect(await claimTurns(api.system, "rollout", "dead", 60_000, 10)).toHaveLength(1);
  expect(await createWorker().tick()).toBe(0);
  await api.owner.query("UPDATE template_rollouts SET lease_until = lease_until - interval '1 day' WHERE id = $1", [id]);
  expect(await createWorker({ batchMax: 2 }).tick()).toBe(2);
  expect((await agency.client.post(`/v1/rollouts/${id}/pause`)).at("status")).toBe("PAUSED");
  expect(await createWorker().tick()).toBe(0);
  expect((await agency.client.post(`/v1/rollouts/${id}/resume`)).at("status")).toBe("RUNNING");
  const workers = [createWorker({ batchMax: 2 }), createWorker({ batchMax: 2 }), createWorker({ batchMax: 2 })];
  for (let round = 0; round < 5; round += 1) await Promise.all(workers.map((worker) => worker.tick()));
  expect(await read(id)).toMatchObject({ status: "DONE", tenants: { DONE: 6 } });
  for (const tenant of tenants) {
    const { workflowId } = (await items(id)).find((item) => item.tenantId === tenant.id) ?? {};
    expect((await tenant.client.get(`/v1/workflows/${workflowId}/versions`)).at("data")).toHaveLength(2);
  }
});

test("a tenant with which Fluxo fails is tried three times, whoever tries, and is marked then; the others go on", async () => {
  const templateId = await createTemplate(agency, greetingVersion());
  const [broken, whole] = await createTenants(2);
  if (broken === undefined || whole === undefined) throw new Error("no tenants");
  for (const tenant of [broken, whole]) await installed(agency, templateId, tenant, { shop: "Shop" });
  await agency.client.post(`/v1/templates/${templateId}/versions`, greetingVersion("Good day"));
  const id = await start(templateId, {});
  await api.owner.query(`CREATE FUNCTION break_one() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.tenant_id = '${broken.id}' THEN RAISE EXCEPTION 'no' USING ERRCODE = '58000'; END IF; RETURN NEW; END $$`);
  await api.owner.query("CREATE TRIGGER break_one BEFORE INSERT ON workflow_versions FOR EACH ROW EXECUTE FUNCTION break_one()");
  try {
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      expect(await read(id)).toMatchObject({ status: "RUNNING", tenants: { PENDING: attempt === 1 ? 2 : 1 } });
      await createWorker().tick();
      expect(await createWorker().tick()).toBe(0);
      await api.owner.query("UPDATE template_rollouts SET next_at = next_at - interval '1 minute' WHERE id = $1", [id]);
    }
  } finally {
    await api.owner.query("DROP TRIGGER break_one ON workflow_versions; DROP FUNCTION break_one");
  }
  expect(await read(id)).toMatchObject({ status: "DONE", tenants: { DONE: 1, FAILED: 1 } });
  expect((await items(id)).find(({ tenantId }) => tenantId === broken.id)).toMatchObject({ status: "FAILED", code: "INTERNAL" });
});

test("a tenant whose plan has no room for another active workflow says so, the others go on, and with room it gets the version", async () => {
  const templateId = await createTemplate(agency, greetingVersion());
  const planId = (await agency.client.post("/v1/plans", { code: "ONE_WORKFLOW", name: "One workflow", activeWorkflowsMax: 1 })).text("id");
  const [[full], [free]] = [await createTenants(1, planId), await createTenants(1)];
  if (full === undefined || free === undefined) throw new Error("no tenants");
  const own = (await full.client.post("/v1/workflows", { name: "Own", graph: manualGraph })).text("id");
  expect((await full.client.post(`/v1/workflows/${own}/publish`)).status).toBe(201);
  const refused = await agency.client.post(`/v1/templates/${templateId}/installations`, { tenantId: full.id, parameters: { shop: "Shop" } });
  expect([refused.status, refused.at("code")]).toEqual([409, "TOO_MANY_WORKFLOWS"]);
  expect((await full.client.get("/v1/workflows")).at("data")).toHaveLength(1);

  const rollOut = async (): Promise<Map<string, unknown>> => {
    const id = await start(templateId, { tenantIds: [full.id, free.id], parameters: { shop: "Shop" } });
    await createWorker().tick();
    expect(await read(id)).toMatchObject({ status: "DONE" });
    return new Map((await items(id)).map(({ tenantId, status, code }) => [tenantId, [status, code]]));
  };
  const first = await rollOut();
  expect([first.get(full.id), first.get(free.id)]).toEqual([["BLOCKED", "TOO_MANY_WORKFLOWS"], ["DONE", null]]);
  expect((await agency.client.patch(`/v1/plans/${planId}`, { activeWorkflowsMax: 2 })).status).toBe(200);
  expect((await rollOut()).get(full.id)).toEqual(["DONE", null]);
  expect((await agency.client.get(`/v1/tenants/${full.id}/entitlements`)).body).toMatchObject({ activeWorkflows: 2, blockedWorkflows: 0 });
});

test("an agency rolls out to its own tenants only, and names no canaries from outside", async () => {
  const templateId = await createTemplate(agency, greetingVersion());
  const stranger = await api.createTestAgency("Southwind");
  const foreign = await api.createTestTenant(stranger, "Foreign");
  const [own] = await createTenants(1);
  const refuse = async (body: object) => {
    const answer = await agency.client.post(`/v1/templates/${templateId}/rollouts`, body);
    return [answer.status, answer.at("issues", 0, "path")];
  };
  const policy = { mode: "approval" };
  expect(await refuse({ tenantIds: [foreign.id] })).toEqual([400, "/body/tenantIds/0"]);
  expect(await refuse({ tenantIds: [own?.id], canary: { tenantIds: [foreign.id], policy } })).toEqual([400, "/body/canary/tenantIds/0"]);
  expect(await refuse({ tenantIds: [own?.id], canary: { policy } })).toEqual([400, "/body/canary"]);
  expect(await refuse({ tenantIds: [own?.id], parametersByTenant: { [foreign.id]: {} } })).toEqual([400, `/body/parametersByTenant/${foreign.id}`]);
  const id = await start(templateId, { tenantIds: [own?.id], parameters: { shop: "x" } });
  expect((await stranger.client.get(`/v1/rollouts/${id}`)).status).toBe(404);
  expect((await stranger.client.post(`/v1/rollouts/${id}/abort`)).status).toBe(404);
  expect((await stranger.client.get("/v1/rollouts")).at("data")).toEqual([]);
  expect((await agency.client.post(`/v1/rollouts/${id}/abort`)).at("status")).toBe("ABORTED");
  expect(await createWorker().tick()).toBe(0);
});

import { nodeTiers } from "@fluxo/nodes/catalog";
import { claimExecutions } from "@fluxo/prisma/executions/claim";
import { afterAll, beforeAll, expect, test } from "vitest";
import { manualGraph } from "../../testing/graphs.ts";
import { PLANS, startHarness, type Harness, type TestAgency, type TestOperator, type TestTenant } from "../../testing/harness.ts";

let api: Harness;
let operator: TestOperator;
let agency: TestAgency;
let other: TestAgency;
let plans = 0;

beforeAll(async () => {
  api = await startHarness();
  operator = await api.createTestOperator();
  agency = await api.createTestAgency("Northwind");
  other = await api.createTestAgency("Contoso");
});
afterAll(() => api.stop());

async function definePlan(entitlements: object = {}): Promise<{ id: string; path: string }> {
  plans += 1;
  const answer = await operator.client.post("/v1/operator/plans", { code: `HOUSE_${plans}`, name: `House ${plans}`, ...entitlements });
  expect(answer.status).toBe(201);
  return { id: answer.text("id"), path: answer.headers.get("location") ?? "" };
}

async function publish(tenant: TestTenant, name: string): Promise<string> {
  const workflowId = (await tenant.client.post("/v1/workflows", { name, graph: manualGraph })).text("id");
  expect((await tenant.client.post(`/v1/workflows/${workflowId}/publish`)).status).toBe(201);
  return workflowId;
}

async function runOf(tenant: TestTenant, workflowId: string): Promise<{ status: unknown; code: unknown }> {
  const executionId = (await tenant.client.post(`/v1/workflows/${workflowId}/executions`, {})).text("executionId");
  await claimExecutions(api.pool, { tenantId: tenant.id, executionIds: [executionId], owner: "w", leaseMs: 60_000, nodeTiers: nodeTiers(), keepStarved: "never" });
  const execution = await tenant.client.get(`/v1/executions/${executionId}`);
  return { status: execution.at("status"), code: execution.at("error", "code") };
}

test("the operator reads the plans that Fluxo brings, and changes them under their entity tags; nobody else does", async () => {
  const list = await operator.client.get("/v1/operator/plans");
  expect((list.at("data") as { code: string; agencyId: null }[]).map(({ code, agencyId }) => [code, agencyId])).toEqual([["FREE", null], ["STARTER", null], ["PRO", null], ["AGENCY", null]]);
  const path = `/v1/operator/plans/${PLANS.STARTER}`;
  const read = await operator.client.get(path);
  expect([read.at("code"), read.headers.get("etag")]).toEqual(["STARTER", '"1"']);
  const weights = [5, 6, 7];
  const answers = await Promise.all(weights.map((weight) => operator.client.patch(path, { weight }, { "if-match": '"1"' })));
  expect(answers.map(({ status }) => status).toSorted((left, right) => left - right)).toEqual([200, 412, 412]);
  const changed = answers.find(({ status }) => status === 200);
  expect([changed?.headers.get("etag"), (await operator.client.get(path)).body]).toEqual(['"2"', changed?.body]);
  expect((await agency.client.get(`/v1/plans/${PLANS.STARTER}`)).at("weight")).toBe(changed?.at("weight"));
  expect((await operator.client.get(`/v1/audit-entries?resourceId=${PLANS.STARTER}`)).at("data")).toMatchObject([
    { action: "updateOperatorPlan", actor: { kind: "apiKey", id: operator.keyId }, resource: { type: "plan", id: PLANS.STARTER }, after: { weight: changed?.at("weight"), revision: 2 } },
  ]);
  const tenant = await api.createTestTenant(agency, "Bakery");
  for (const client of [agency.client, tenant.client]) {
    for (const answer of [await client.get("/v1/operator/plans"), await client.get(path), await client.patch(path, { weight: 1 }), await client.post("/v1/operator/plans", { code: "X", name: "X" }), await client.post(`${path}/preview`, {})]) {
      expect([answer.status, answer.at("code")]).toEqual([403, "SCOPE_MISSING"]);
    }
  }
  expect((await agency.client.patch(`/v1/plans/${PLANS.STARTER}`, { weight: 9 })).status).toBe(404);
});

test("what is asked for is checked, and an agency's plan is not the operator's", async () => {
  const { path } = await definePlan();
  for (const body of [{ concurrencyMax: 0 }, { executionsPerMonth: -1 }, { nodeTypesAllowed: ["no.such"] }, { overQuota: "LOSE" }, { code: "OTHER" }]) expect((await operator.client.patch(path, body)).status).toBe(400);
  expect((await operator.client.post("/v1/operator/plans", { code: "lower", name: "Lower" })).status).toBe(400);
  const own = await agency.client.post("/v1/plans", { code: "OWN", name: "Own" });
  for (const answer of [await operator.client.get(`/v1/operator/plans/${own.text("id")}`), await operator.client.patch(`/v1/operator/plans/${own.text("id")}`, { weight: 2 }), await operator.client.post(`/v1/operator/plans/${own.text("id")}/preview`, {})]) expect(answer.status).toBe(404);
});

test("a further plan is every agency's to give and to copy, one by its code; copies stay under what the operator allows and are their own", async () => {
  const limited = (await operator.client.post("/v1/agencies", { name: "Limited", limits: { concurrencyMax: 5 } })).body as { id: string };
  expect(limited.id).toEqual(expect.any(String));
  const twice = await Promise.all([1, 2].map(() => operator.client.post("/v1/operator/plans", { code: "TWICE", name: "Twice", concurrencyMax: 20, weight: 3 })));
  expect(twice.map(({ status }) => status).toSorted((left, right) => left - right)).toEqual([201, 409]);
  expect(twice.find(({ status }) => status === 409)?.at("code")).toBe("NAME_TAKEN");
  expect((await operator.client.post("/v1/operator/plans", { code: "FREE", name: "Free again" })).at("code")).toBe("NAME_TAKEN");
  const plan = (await agency.client.get("/v1/plans?code=TWICE")).at("data", 0) as { id: string; concurrencyMax: number; weight: number };
  expect((await api.createTestTenant(agency, "Of the house", plan.id)).id).toEqual(expect.any(String));
  expect((await agency.client.post("/v1/plans", { code: "TWICE", name: "Mine" })).at("code")).toBe("NAME_TAKEN");
  const copy = await agency.client.post("/v1/plans", { code: "TWICE_PLUS", name: "Twice plus", concurrencyMax: plan.concurrencyMax, weight: plan.weight });
  expect(copy.at("concurrencyMax")).toBe(20);
  await operator.client.patch(`/v1/agencies/${agency.id}`, { limits: { concurrencyMax: 10 } });
  expect((await agency.client.post("/v1/plans", { code: "TWICE_BEYOND", name: "Beyond", concurrencyMax: plan.concurrencyMax })).at("code")).toBe("PLAN_BEYOND_AGENCY");
  await operator.client.patch(`/v1/operator/plans/${plan.id}`, { concurrencyMax: 30 });
  expect((await agency.client.get(`/v1/plans/${copy.text("id")}`)).at("concurrencyMax")).toBe(20);
  await operator.client.patch(`/v1/agencies/${agency.id}`, { limits: {} });
  await operator.client.patch(`/v1/operator/plans/${plan.id}`, { isRetired: true });
  expect((await agency.client.post("/v1/tenants", { name: "Too late", planId: plan.id })).at("issues", 0, "code")).toBe("retired");
});

test("a change is previewed by counts and ids, holds for all tenants of all agencies, and is told in their agencies' logs; a larger one frees", async () => {
  const { id: planId, path } = await definePlan({ activeWorkflowsMax: 5, nodesPerWorkflowMax: 10 });
  const tenants = [await api.createTestTenant(agency, "One", planId), await api.createTestTenant(agency, "Two", planId), await api.createTestTenant(other, "Three", planId), await api.createTestTenant(other, "Idle", planId)];
  const [one, two, three, idle] = tenants as [TestTenant, TestTenant, TestTenant, TestTenant];
  const workflows = new Map<string, string[]>();
  for (const [tenant, count] of [[one, 3], [two, 1], [three, 2]] as const) workflows.set(tenant.id, await Promise.all(Array.from({ length: count }, (_, index) => publish(tenant, `W${index}`))));
  const untouched = await api.createTestTenant(agency, "Elsewhere");
  await publish(untouched, "W");

  const preview = await operator.client.post(`${path}/preview`, { activeWorkflowsMax: 1 });
  expect(preview.body).toMatchObject({ planId, tenants: 4, examined: 4, affected: 2, blockedWorkflows: 3, rules: [{ code: "TOO_MANY_WORKFLOWS", effect: "blocked", tenants: 2, workflows: 3 }], nextPageToken: null });
  expect(preview.at("data")).toEqual([
    { agencyId: agency.id, tenantId: one.id, blockedWorkflows: 2, codes: ["TOO_MANY_WORKFLOWS"] },
    { agencyId: other.id, tenantId: three.id, blockedWorkflows: 1, codes: ["TOO_MANY_WORKFLOWS"] },
  ]);
  const paged: unknown[] = [];
  for (let query: string | undefined = "limit=1"; query !== undefined; ) {
    const page = await operator.client.post(`${path}/preview?${query}`, { activeWorkflowsMax: 1 });
    paged.push([page.at("tenants"), page.at("examined"), page.at("blockedWorkflows")]);
    query = page.at("nextPageToken") === null ? undefined : `limit=1&pageToken=${page.text("nextPageToken")}`;
  }
  expect(paged).toEqual([[4, 1, 2], [4, 1, 0], [4, 1, 1], [4, 1, 0], [4, 0, 0]]);
  expect((await operator.client.post(`${path}/preview`, { nodesPerWorkflowMax: 20 })).body).toMatchObject({ affected: 0, rules: [], data: [] });
  const blocked = async (tenant: TestTenant): Promise<unknown> => (await tenant.client.get(`/v1/tenants/${tenant.id}/entitlements`)).at("blockedWorkflows");
  expect(await Promise.all(tenants.map(blocked))).toEqual([0, 0, 0, 0]);

  expect((await operator.client.patch(path, { activeWorkflowsMax: 1 })).status).toBe(200);
  expect(await Promise.all(tenants.map(blocked))).toEqual([2, 0, 1, 0]);
  expect(await blocked(untouched)).toBe(0);
  expect((await idle.client.get(`/v1/tenants/${idle.id}/entitlements`)).at("activeWorkflowsMax")).toBe(1);
  const statuses: unknown[] = [];
  for (const workflowId of workflows.get(three.id) ?? []) statuses.push((await runOf(three, workflowId)).status);
  expect(new Set(statuses)).toEqual(new Set(["BLOCKED", "RUNNING"]));
  const entries = await other.client.get("/v1/audit-entries?action=updateOperatorPlan");
  expect(entries.at("data")).toMatchObject([{ actor: { kind: "apiKey", id: operator.keyId }, tenantId: three.id, resource: { type: "workflow" }, after: { isBeyondPlan: true }, ip: null, userAgent: null }]);
  for (const { client } of [agency, other, operator]) expect((await client.get("/v1/audit-entries/verification")).at("isIntact")).toBe(true);

  expect((await operator.client.patch(path, { activeWorkflowsMax: 5 })).status).toBe(200);
  expect(await Promise.all(tenants.map(blocked))).toEqual([0, 0, 0, 0]);
});

test("a tenant that is off-boarded is left alone by changes of its plan, so that its archive stays whole, and has them when that is given up", async () => {
  const ofAgency = await agency.client.post("/v1/plans", { code: "LEAVING", name: "Leaving", activeWorkflowsMax: 5 });
  const changes = [(await definePlan({ activeWorkflowsMax: 5 })).id, ofAgency.text("id")];
  const changers = [(id: string) => operator.client.patch(`/v1/operator/plans/${id}`, { activeWorkflowsMax: 1, executionsPerMonth: 1, alertPercents: [1] }), (id: string) => agency.client.patch(`/v1/plans/${id}`, { activeWorkflowsMax: 1, executionsPerMonth: 1, alertPercents: [1] })];
  for (const [index, planId] of changes.entries()) {
    const tenant = await api.createTestTenant(agency, `Leaves ${index}`, planId);
    const workflowId = await publish(tenant, "A");
    await publish(tenant, "B");
    expect((await runOf(tenant, workflowId)).status).toBe("RUNNING");
    const written = async (): Promise<unknown> =>
      (await api.owner.query("SELECT (SELECT count(*)::int FROM workflows WHERE tenant_id = $1 AND is_beyond_plan) AS marked, (SELECT count(*)::int FROM quota_alerts WHERE tenant_id = $1) AS alerts", [tenant.id])).rows[0];
    const begun = await agency.client.post(`/v1/tenants/${tenant.id}/off-boarding`);
    expect(begun.status).toBe(202);
    expect((await changers[index]?.(planId))?.status).toBe(200);
    expect(await written(), `plan ${index}`).toEqual({ marked: 0, alerts: 0 });
    expect((await agency.client.post(`/v1/off-boardings/${begun.text("id")}/abort`)).at("status")).toBe("ABORTED");
    expect(await written(), `plan ${index}`).toEqual({ marked: 1, alerts: 1 });
  }
});

test("a smaller quota leaves its alerts, and a larger one calls parked executions out at once", async () => {
  const { path, id: planId } = await definePlan({ executionsPerMonth: 1, overQuota: "PARK" });
  const tenant = await api.createTestTenant(other, "Parked", planId);
  const workflowId = await publish(tenant, "W");
  expect([(await runOf(tenant, workflowId)).status, (await runOf(tenant, workflowId)).status]).toEqual(["RUNNING", "WAITING"]);
  const dueAt = async (): Promise<Date> => (await api.owner.query<{ at: Date }>("SELECT drain_at AS at FROM concurrency_slots WHERE tenant_id = $1", [tenant.id])).rows[0]?.at ?? new Date(0);
  await api.owner.query("UPDATE concurrency_slots SET drain_at = now() + interval '1 day' WHERE tenant_id = $1", [tenant.id]);
  expect((await operator.client.post(`${path}/preview`, { overQuota: "REJECT" })).body).toMatchObject({ rules: [{ code: "QUOTA_EXCEEDED", effect: "blocked", tenants: 1, workflows: 0 }] });
  expect((await operator.client.patch(path, { executionsPerMonth: 100 })).status).toBe(200);
  expect((await dueAt()).getTime()).toBeLessThanOrEqual(Date.now() + 1_000);
  const alerts = async (): Promise<unknown[]> => ((await tenant.client.get(`/v1/tenants/${tenant.id}/quota-alerts`)).at("data") as { percent: number }[]).map(({ percent }) => percent);
  const before = await alerts();
  expect((await operator.client.patch(path, { executionsPerMonth: 2, alertPercents: [50] })).status).toBe(200);
  expect(await alerts()).toEqual(expect.arrayContaining([...before, 50]));
});

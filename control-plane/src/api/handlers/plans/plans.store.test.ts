import { claimExecutions } from "@fluxo/prisma/executions/claim";
import { uuidV7 } from "@fluxo/prisma/ids";
import { nodeTiers } from "@fluxo/nodes/catalog";
import { afterAll, beforeAll, expect, test } from "vitest";
import { manualGraph } from "../../testing/graphs.ts";
import { PLANS, startHarness, type Harness, type TestAgency, type TestTenant } from "../../testing/harness.ts";

let api: Harness;
let agency: TestAgency;
let other: TestAgency;

beforeAll(async () => {
  api = await startHarness();
  agency = await api.createTestAgency("Northwind");
  other = await api.createTestAgency("Contoso");
});
afterAll(() => api.stop());

const ascending = (left: number, right: number): number => left - right;
let plans = 0;

async function definePlan(entitlements: object = {}): Promise<string> {
  plans += 1;
  const answer = await agency.client.post("/v1/plans", { code: `PLAN_${plans}`, name: `Plan ${plans}`, ...entitlements });
  expect(answer.status).toBe(201);
  return answer.text("id");
}

/** Saves and publishes a workflow. @returns the answer of the publish, and the workflow's id */
async function publish(tenant: TestTenant, name: string, graph: object = manualGraph) {
  const workflowId = (await tenant.client.post("/v1/workflows", { name, graph })).text("id");
  return { workflowId, published: await tenant.client.post(`/v1/workflows/${workflowId}/publish`) };
}

async function start(tenant: TestTenant, workflowId: string, count: number): Promise<string[]> {
  const answers = await Promise.all(Array.from({ length: count }, () => tenant.client.post(`/v1/workflows/${workflowId}/executions`, {})));
  return answers.map((answer) => answer.text("executionId")).toSorted();
}

function claim(tenant: TestTenant, executionIds: readonly string[]) {
  return claimExecutions(api.pool, { tenantId: tenant.id, executionIds, owner: "w", leaseMs: 60_000, nodeTiers: nodeTiers(), keepStarved: "never" });
}

test("an agency defines a plan with defaults, reads it, changes it under its entity tag, and nobody else sees it", async () => {
  const created = await agency.client.post("/v1/plans", { code: "BAKERY", name: "Bakery", concurrencyMax: 20, nodeTypesAllowed: ["merge", "ai.prompt", "merge"] });
  expect([created.status, created.headers.get("etag")]).toEqual([201, '"1"']);
  expect(created.body).toMatchObject({ agencyId: agency.id, code: "BAKERY", tierRank: 0, concurrencyMax: 20, concurrencyClass: "large", nodeTypesAllowed: ["ai.prompt", "merge"], overQuota: "REJECT", retiredAt: null });
  const path = created.headers.get("location") ?? "";
  expect((await agency.client.get(path)).body).toEqual(created.body);
  expect((await agency.client.get("/v1/plans?code=BAKERY")).at("data", 0, "id")).toBe(created.text("id"));
  const changed = await agency.client.patch(path, { concurrencyMax: 4, overQuota: "PARK" }, { "if-match": '"1"' });
  expect([changed.status, changed.headers.get("etag")]).toEqual([200, '"2"']);
  expect(changed.body).toMatchObject({ concurrencyMax: 4, concurrencyClass: "small", overQuota: "PARK", nodeTypesAllowed: ["ai.prompt", "merge"] });
  const lost = await agency.client.patch(path, { weight: 3 }, { "if-match": '"1"' });
  expect([lost.status, lost.at("code")]).toEqual([412, "PRECONDITION_FAILED"]);
  for (const answer of [await other.client.get(path), await other.client.patch(path, { weight: 2 }), await other.client.delete(path), await other.client.post(`${path}/preview`, {})]) {
    expect([answer.status, answer.at("code")]).toEqual([404, "NOT_FOUND"]);
  }
  expect((await other.client.get("/v1/plans?limit=100")).at("data")).toHaveLength(4);
});

test("two changes at the same time under one entity tag: one is made, the other one refused", async () => {
  const path = `/v1/plans/${await definePlan()}`;
  const answers = await Promise.all([2, 3, 4, 5].map((weight) => agency.client.patch(path, { weight }, { "if-match": '"1"' })));
  expect(answers.map(({ status }) => status).toSorted(ascending)).toEqual([200, 412, 412, 412]);
});

test("refuses taken codes, unknown node types and values out of bounds, with the field at fault", async () => {
  const refuse = async (body: object): Promise<unknown> => {
    const answer = await agency.client.post("/v1/plans", { code: "X", name: "X", ...body });
    return [answer.status, answer.at("code"), answer.at("issues", 0, "path")];
  };
  expect(await refuse({ code: "FREE" })).toEqual([409, "NAME_TAKEN", "/body/code"]);
  expect(await refuse({ nodeTypesDenied: ["no.such"] })).toEqual([400, "VALIDATION_FAILED", "/body/nodeTypesDenied"]);
  expect(await refuse({ concurrencyMax: 257 })).toEqual([400, "VALIDATION_FAILED", "/body/concurrencyMax"]);
  expect(await refuse({ payloadBytesMax: 1 })).toEqual([400, "VALIDATION_FAILED", "/body/payloadBytesMax"]);
  expect(await refuse({ alertPercents: [0] })).toEqual([400, "VALIDATION_FAILED", "/body/alertPercents/0"]);
  expect(await refuse({ surplus: 1 })).toEqual([400, "VALIDATION_FAILED", "/body/surplus"]);
  const operators = await agency.client.patch(`/v1/plans/${PLANS.FREE}`, { executionsPerMonth: 1_000_000 });
  expect([operators.status, operators.at("code")]).toEqual([404, "NOT_FOUND"]);
});

test("a plan in use is not deleted; a retired one stays with its tenants and no other gets it", async () => {
  const planId = await definePlan();
  const tenant = await api.createTestTenant(agency, "Keeps its plan", planId);
  const inUse = await agency.client.delete(`/v1/plans/${planId}`);
  expect([inUse.status, inUse.at("code")]).toEqual([409, "PLAN_IN_USE"]);
  expect((await agency.client.patch(`/v1/plans/${planId}`, { isRetired: true })).at("retiredAt")).not.toBeNull();
  const refused = await agency.client.post("/v1/tenants", { name: "Too late", planId });
  expect([refused.status, refused.at("issues", 0, "code")]).toEqual([400, "retired"]);
  expect((await agency.client.patch(`/v1/tenants/${tenant.id}`, { planId, name: "Still has it" })).status).toBe(200);
  expect((await agency.client.patch(`/v1/tenants/${tenant.id}`, { planId: PLANS.PRO })).status).toBe(200);
  expect((await agency.client.patch(`/v1/tenants/${tenant.id}`, { planId })).status).toBe(400);
  expect((await agency.client.delete(`/v1/plans/${planId}`)).status).toBe(204);
  expect((await agency.client.get(`/v1/plans/${planId}`)).status).toBe(404);
});

test("no more workflows are active than the plan allows, also when they are activated at the same time", async () => {
  const planId = await definePlan({ activeWorkflowsMax: 2 });
  const tenant = await api.createTestTenant(agency, "Two workflows", planId);
  const results = await Promise.all(["a", "b", "c", "d"].map((name) => publish(tenant, name)));
  expect(results.map(({ published }) => published.status).toSorted(ascending)).toEqual([201, 201, 409, 409]);
  const refused = results.filter(({ published }) => published.status === 409);
  expect(refused.map(({ published }) => published.at("code"))).toEqual(["TOO_MANY_WORKFLOWS", "TOO_MANY_WORKFLOWS"]);
  expect((await agency.client.get(`/v1/tenants/${tenant.id}/entitlements`)).body).toMatchObject({ planId, activeWorkflowsMax: 2, activeWorkflows: 2, blockedWorkflows: 0 });
  const one = results.find(({ published }) => published.status === 201);
  const again = await tenant.client.post(`/v1/workflows/${one?.workflowId}/publish`);
  expect(again.status, "an active one may be published anew").toBe(200);
  expect((await tenant.client.patch(`/v1/workflows/${one?.workflowId}`, { isActive: false })).status).toBe(200);
  expect((await tenant.client.post(`/v1/workflows/${refused[0]?.workflowId}/publish`)).status).toBe(201);
  const full = await tenant.client.patch(`/v1/workflows/${one?.workflowId}`, { isActive: true });
  expect([full.status, full.at("code")]).toEqual([409, "TOO_MANY_WORKFLOWS"]);
});

test("with a smaller plan the workflows activated last are blocked, as the preview said; with room again they run", async () => {
  const tenant = await api.createTestTenant(agency, "Moves down", PLANS.PRO);
  const merging = { nodes: [...manualGraph.nodes, { id: "join", type: "merge" }], edges: [...manualGraph.edges, { from: "greet", to: "join" }] };
  const [first, second, third] = [await publish(tenant, "First", merging), await publish(tenant, "Second"), await publish(tenant, "Third")];
  const planId = await definePlan({ activeWorkflowsMax: 2 });
  const preview = await agency.client.post(`/v1/tenants/${tenant.id}/plan-preview`, { planId });
  expect(preview.status).toBe(200);
  expect(preview.at("effects")).toEqual([
    expect.objectContaining({ code: "NODE_NOT_IN_PLAN", effect: "blocked", isNew: true, workflowId: first.workflowId, message: expect.stringMatching(/^The workflow "First" would be blocked: the plan Plan \d+ does not include merge\.$/) }),
    expect.objectContaining({ code: "TOO_MANY_WORKFLOWS", effect: "blocked", isNew: true, workflowId: third.workflowId, actual: 3, allowed: 2 }),
  ]);
  expect(preview.at("blockedWorkflows")).toBe(2);
  expect(preview.at("changes")).toContainEqual({ entitlement: "activeWorkflowsMax", from: 200, to: 2 });
  expect((await tenant.client.post(`/v1/tenants/${tenant.id}/plan-preview`, { planId: PLANS.FREE })).status, "the tenant may ask too").toBe(200);
  await agency.client.patch(`/v1/tenants/${tenant.id}`, { planId });
  const reasonOf = async (workflowId: string): Promise<string> => {
    const { blocked } = await claim(tenant, await start(tenant, workflowId, 1));
    return blocked[0]?.reason ?? "started";
  };
  expect([await reasonOf(first.workflowId), await reasonOf(second.workflowId), await reasonOf(third.workflowId)]).toEqual(["NODE_NOT_IN_PLAN", "started", "TOO_MANY_WORKFLOWS"]);
  const after = await agency.client.post(`/v1/tenants/${tenant.id}/plan-preview`, { planId });
  expect((after.at("effects") as { isNew: boolean }[]).map(({ isNew }) => isNew), "nothing of it is new any more").toEqual([false, false]);
  await tenant.client.patch(`/v1/workflows/${first.workflowId}`, { isActive: false });
  expect(await reasonOf(third.workflowId)).toBe("started");
});

test("a change of a plan is previewed for all its tenants, by page, and then holds for them", async () => {
  const planId = await definePlan({ tierRank: 1, executionsPerMonth: 100 });
  const tenants = [];
  for (const name of ["P1", "P2", "P3"]) tenants.push(await api.createTestTenant(agency, name, planId));
  const graph = { nodes: [...manualGraph.nodes, { id: "join", type: "merge" }], edges: [...manualGraph.edges, { from: "greet", to: "join" }] };
  for (const tenant of tenants.slice(1)) await publish(tenant, "Merges", graph);
  const seen: unknown[] = [];
  let token: unknown = "";
  for (let pages = 0; typeof token === "string" && pages < 4; pages += 1) {
    const page = await agency.client.post(`/v1/plans/${planId}/preview?limit=1${token === "" ? "" : `&pageToken=${token}`}`, { nodeTypesDenied: ["merge"] });
    expect(page.status).toBe(200);
    seen.push(...(page.at("data") as { tenantName: string; blockedWorkflows: number }[]).map(({ tenantName, blockedWorkflows }) => [tenantName, blockedWorkflows]));
    token = page.at("nextPageToken");
  }
  expect(seen).toEqual([["P2", 1], ["P3", 1]]);
  expect((await agency.client.get(`/v1/plans/${planId}`)).at("nodeTypesDenied"), "nothing was changed").toEqual([]);
  expect((await agency.client.patch(`/v1/plans/${planId}`, { nodeTypesDenied: ["merge"], activeWorkflowsMax: 0 })).status).toBe(200);
  for (const tenant of tenants.slice(1)) expect((await agency.client.get(`/v1/tenants/${tenant.id}/entitlements`)).body).toMatchObject({ activeWorkflows: 1, blockedWorkflows: 1, nodeTypesDenied: ["merge"] });
});

test("parked executions are told, released after an upgrade, discarded when asked; alerts are listed by page", async () => {
  const planId = await definePlan({ executionsPerMonth: 2, overQuota: "PARK", drainPerMinute: 12, concurrencyMax: 10 });
  const tenant = await api.createTestTenant(agency, "Parks", planId);
  const { workflowId } = await publish(tenant, "Parks");
  const ids = await start(tenant, workflowId, 6);
  expect((await claim(tenant, ids)).parked).toHaveLength(4);
  const listed = await tenant.client.get("/v1/executions?status=WAITING&reason=QUOTA");
  expect(listed.at("data")).toHaveLength(4);
  const usage = await agency.client.get(`/v1/tenants/${tenant.id}/usage`);
  expect(usage.body).toMatchObject({ executions: { limit: 2, reserved: 2, remaining: 0 }, parked: { count: 4, calledOut: 0, oldestQueuedAt: expect.any(String), expectedDrainAt: null } });
  expect((await agency.client.post(`/v1/tenants/${tenant.id}/parked-executions/release`)).body).toEqual({ calledOut: 0 });
  await agency.client.patch(`/v1/plans/${planId}`, { executionsPerMonth: 4 });
  expect((await agency.client.post(`/v1/tenants/${tenant.id}/parked-executions/release`)).body, "twelve a minute is one in five seconds").toEqual({ calledOut: 1 });
  expect((await agency.client.get(`/v1/tenants/${tenant.id}/usage`)).at("parked", "calledOut")).toBe(1);
  expect((await tenant.client.post(`/v1/tenants/${tenant.id}/parked-executions/discard`)).body).toEqual({ discarded: 4 });
  expect((await tenant.client.get("/v1/executions?status=CANCELED")).at("data")).toHaveLength(4);
  const alerts = await tenant.client.get(`/v1/tenants/${tenant.id}/quota-alerts?limit=1`);
  expect(alerts.at("data", 0)).toMatchObject({ metric: "executions", counted: 2, quota: 2 });
  const rest = await tenant.client.get(`/v1/tenants/${tenant.id}/quota-alerts?limit=1&pageToken=${alerts.text("nextPageToken")}`);
  expect([alerts, rest].map((page) => page.at("data", 0, "percent") as number).toSorted(ascending)).toEqual([80, 100]);
  expect(rest.at("nextPageToken")).toBeNull();
  const unknown = await agency.client.post(`/v1/tenants/${uuidV7.next()}/parked-executions/release`);
  expect([unknown.status, unknown.at("code")]).toEqual([404, "NOT_FOUND"]);
});

test("an agency's plans and tenants stay within what the operator allows; node types included by name count with their tier", async () => {
  const operator = await api.createTestOperator();
  const limited = await api.createTestAgency("Limited");
  await operator.client.patch(`/v1/agencies/${limited.id}`, { limits: { tierRankMax: 1, concurrencyMax: 5, tenantsMax: 2 } });
  const refuse = async (body: object): Promise<unknown> => {
    const answer = await limited.client.post("/v1/plans", { code: "LIMITED", name: "Limited", concurrencyMax: 5, ...body });
    return [answer.status, answer.at("code"), (answer.at("issues") as { path: string }[]).map(({ path }) => path)];
  };
  expect(await refuse({ tierRank: 2, concurrencyMax: 6 })).toEqual([422, "PLAN_BEYOND_AGENCY", ["/body/tierRank", "/body/concurrencyMax"]]);
  expect(await refuse({ nodeTypesAllowed: ["merge", "ai.prompt"] })).toEqual([422, "PLAN_BEYOND_AGENCY", ["/body/nodeTypesAllowed"]]);
  const plan = await limited.client.post("/v1/plans", { code: "LIMITED", name: "Limited", tierRank: 1, concurrencyMax: 5 });
  expect(plan.status).toBe(201);
  const raised = await limited.client.patch(`/v1/plans/${plan.text("id")}`, { concurrencyMax: 6 });
  expect([raised.status, raised.at("code")]).toEqual([422, "PLAN_BEYOND_AGENCY"]);
  const created = await Promise.all(["A", "B", "C", "D"].map((name) => limited.client.post("/v1/tenants", { name, planId: plan.text("id") })));
  expect(created.map(({ status }) => status).toSorted(ascending)).toEqual([201, 201, 409, 409]);
  expect(created.find(({ status }) => status === 409)?.at("code")).toBe("TOO_MANY_TENANTS");
});

test("executions of a suspended agency's tenants are blocked, and start again when it is resumed", async () => {
  const operator = await api.createTestOperator();
  const suspended = await api.createTestAgency("Suspended");
  const tenant = await api.createTestTenant(suspended, "Of a suspended agency");
  const { workflowId } = await publish(tenant, "Waits");
  const ids = await start(tenant, workflowId, 2);
  await operator.client.post(`/v1/agencies/${suspended.id}/suspend`, {});
  expect((await claim(tenant, ids.slice(0, 1))).blocked).toEqual([{ executionId: ids[0], reason: "AGENCY_SUSPENDED" }]);
  await operator.client.post(`/v1/agencies/${suspended.id}/resume`);
  expect((await claim(tenant, ids.slice(1))).claimed).toHaveLength(1);
});

test("an input larger than the plan allows starts nothing and leaves its reason; a larger plan takes it", async () => {
  const planId = await definePlan({ payloadBytesMax: 40_000 });
  const tenant = await api.createTestTenant(agency, "Small inputs", planId);
  const { workflowId, published } = await publish(tenant, "Takes inputs");
  const send = (bytes: number, key: string) => tenant.client.post(`/v1/workflows/${workflowId}/executions`, { input: { text: "x".repeat(bytes) } }, { "idempotency-key": key });
  expect((await send(39_000, "fits")).status).toBe(202);
  const refused = await send(41_000, "too-large");
  expect([refused.status, refused.at("code")]).toEqual([413, "PAYLOAD_TOO_LARGE"]);
  const occurrences = await tenant.client.get(`/v1/triggers/${published.text("triggers", 0, "id")}/occurrences`);
  expect(occurrences.at("data")).toContainEqual(expect.objectContaining({ reason: "PAYLOAD_TOO_LARGE", detail: "The input has 41011 bytes; the plan allows 40000.", execution: null }));
  const [canceled = ""] = await start(tenant, workflowId, 1);
  await tenant.client.post(`/v1/executions/${canceled}/cancel`);
  const rerun = await tenant.client.post(`/v1/executions/${canceled}/rerun`, { from: "start", input: { text: "x".repeat(41_000) } });
  expect([rerun.status, rerun.at("code")]).toEqual([413, "PAYLOAD_TOO_LARGE"]);
  await agency.client.patch(`/v1/plans/${planId}`, { payloadBytesMax: 50_000 });
  expect((await send(41_000, "fits-now")).status).toBe(202);
});

test("no more members are bound to a tenant than its plan has seats, also when they are invited at the same time; a preview tells of those beyond", async () => {
  const planId = await definePlan({ seatsMax: 2 });
  const [tenant, other2] = [await api.createTestTenant(agency, "Two seats", planId), await api.createTestTenant(agency, "Other seats", planId)];
  const invite = (name: string, tenantIds: readonly string[] | null) => agency.client.post("/v1/agency/members", { email: `${name}@example.com`, role: "builder", tenantIds });
  const answers = await Promise.all(["a", "b", "c", "d"].map((name) => invite(name, [tenant.id])));
  expect(answers.map(({ status }) => status).toSorted(ascending)).toEqual([201, 201, 409, 409]);
  expect(answers.find(({ status }) => status === 409)?.at("code")).toBe("SEATS_EXCEEDED");
  expect((await invite("agency-wide", null)).status).toBe(201);
  const moved = await invite("elsewhere", [other2.id]);
  const refused = await agency.client.patch(`/v1/agency/members/${moved.text("id")}`, { tenantIds: [other2.id, tenant.id] });
  expect([refused.status, refused.at("code")]).toEqual([409, "SEATS_EXCEEDED"]);
  const enough = await definePlan({ seatsMax: 2 });
  expect((await agency.client.post(`/v1/tenants/${tenant.id}/plan-preview`, { planId: enough })).at("effects"), "exactly enough is enough").toEqual([]);
  const single = await definePlan({ seatsMax: 1 });
  const preview = await agency.client.post(`/v1/tenants/${tenant.id}/plan-preview`, { planId: single });
  expect(preview.at("effects")).toContainEqual(expect.objectContaining({ code: "SEATS_EXCEEDED", effect: "frozen", actual: 2, allowed: 1 }));
});

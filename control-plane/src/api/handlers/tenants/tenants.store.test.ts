import { claimExecutions } from "@fluxo/prisma/executions/claim";
import { uuidV7 } from "@fluxo/prisma/ids";
import { afterAll, beforeAll, expect, test } from "vitest";
import { manualGraph } from "../../testing/graphs.ts";
import { PLANS, startHarness, type Harness, type TestAgency } from "../../testing/harness.ts";

let api: Harness;
let agency: TestAgency;
let other: TestAgency;

beforeAll(async () => {
  api = await startHarness();
  agency = await api.createTestAgency("Northwind");
  other = await api.createTestAgency("Contoso");
});
afterAll(() => api.stop());

test("lists the plans to agencies and tenants, by page", async () => {
  const first = await agency.client.get("/v1/plans?limit=3");
  expect(first.status).toBe(200);
  expect((first.at("data") as { code: string }[]).map(({ code }) => code)).toEqual(["FREE", "STARTER", "PRO"]);
  const second = await agency.client.get(`/v1/plans?limit=3&pageToken=${first.text("nextPageToken")}`);
  expect(second.at("data", 0, "code")).toBe("AGENCY");
  expect(second.at("nextPageToken")).toBeNull();
  const tenant = await api.createTestTenant(agency, "Reader");
  expect((await tenant.client.get("/v1/plans")).at("data", 0)).toMatchObject({ code: "FREE", executionsPerMonth: 500 });
});

test("creates, reads, changes and finds a tenant", async () => {
  const created = await agency.client.post("/v1/tenants", { name: "Blue Bakery", planId: PLANS.STARTER, timeZone: "Europe/Berlin", externalId: "crm-1" });
  expect(created.status).toBe(201);
  expect(created.body).toMatchObject({ name: "Blue Bakery", planId: PLANS.STARTER, timeZone: "Europe/Berlin", externalId: "crm-1", status: "ACTIVE" });
  const path = `/v1/tenants/${created.text("id")}`;
  expect(created.headers.get("location")).toBe(path);
  expect((await agency.client.get(path)).body).toEqual(created.body);
  const changed = await agency.client.patch(path, { status: "SUSPENDED", planId: PLANS.PRO, externalId: null });
  expect(changed.body).toMatchObject({ name: "Blue Bakery", status: "SUSPENDED", planId: PLANS.PRO, externalId: null });
  expect(Date.parse(changed.text("updatedAt"))).toBeGreaterThan(Date.parse(created.text("updatedAt")));
  expect((await agency.client.get("/v1/tenants?status=SUSPENDED")).at("data")).toHaveLength(1);
  expect((await agency.client.patch(path, { externalId: "crm-2" })).status).toBe(200);
  expect((await agency.client.get("/v1/tenants?externalId=crm-2")).at("data", 0, "id")).toBe(created.text("id"));
});

test("a suspension keeps its reason, blocked executions tell it, and resuming forgets it", async () => {
  const tenant = await api.createTestTenant(agency, "Unpaid");
  const path = `/v1/tenants/${tenant.id}`;
  const refused = await agency.client.patch(path, { suspensionReason: "Unpaid invoice" });
  expect([refused.status, refused.at("issues", 0, "path")]).toEqual([400, "/body/suspensionReason"]);
  const workflowId = (await tenant.client.post("/v1/workflows", { name: "W", graph: manualGraph })).text("id");
  await tenant.client.post(`/v1/workflows/${workflowId}/publish`);
  const blockedWith = async (): Promise<unknown> => {
    const id = (await tenant.client.post(`/v1/workflows/${workflowId}/executions`, { input: {} })).text("executionId");
    await claimExecutions(api.pool, { tenantId: tenant.id, executionIds: [id], owner: "test", leaseMs: 1_000, nodeTiers: {}, keepStarved: "never" });
    return (await agency.client.forTenant(tenant.id).get(`/v1/executions/${id}`)).at("error");
  };
  expect((await agency.client.patch(path, { status: "SUSPENDED", suspensionReason: " Unpaid invoice " })).body).toMatchObject({ status: "SUSPENDED", suspensionReason: "Unpaid invoice" });
  expect(await blockedWith()).toMatchObject({ code: "TENANT_SUSPENDED", message: "The tenant is suspended: Unpaid invoice" });
  expect((await agency.client.patch(path, { name: "Unpaid still" })).at("suspensionReason")).toBe("Unpaid invoice");
  expect((await agency.client.patch(path, { suspensionReason: null })).body).toMatchObject({ status: "SUSPENDED", suspensionReason: null });
  expect(await blockedWith()).toMatchObject({ message: "The tenant is suspended." });
  await agency.client.patch(path, { suspensionReason: "Unpaid again" });
  expect((await agency.client.patch(path, { status: "ACTIVE" })).body).toMatchObject({ status: "ACTIVE", suspensionReason: null });
  await agency.client.patch(path, { status: "SUSPENDED", suspensionReason: "Leaves" });
  expect((await agency.client.post(`${path}/off-boarding`)).status).toBe(202);
  expect((await agency.client.get(path)).body).toMatchObject({ status: "OFFBOARDING", suspensionReason: null });
});

test("names must be unique in the agency, not between agencies", async () => {
  const body = { name: "Twin", planId: PLANS.FREE, externalId: "twin" };
  expect((await agency.client.post("/v1/tenants", body)).status).toBe(201);
  const again = await agency.client.post("/v1/tenants", { ...body, externalId: "twin-2" });
  expect([again.status, again.at("code"), again.at("issues", 0, "path")]).toEqual([409, "NAME_TAKEN", "/body/name"]);
  const sameId = await agency.client.post("/v1/tenants", { ...body, name: "Twin 2" });
  expect([sameId.status, sameId.at("issues", 0, "path")]).toEqual([409, "/body/externalId"]);
  expect((await other.client.post("/v1/tenants", body)).status).toBe(201);
});

test("refuses unknown plans, plans of another agency, and unknown time zones", async () => {
  const refuse = async (body: object): Promise<unknown> => {
    const answer = await agency.client.post("/v1/tenants", { name: "X", planId: PLANS.FREE, ...body });
    return [answer.status, answer.at("code"), answer.at("issues", 0, "path")];
  };
  expect(await refuse({ planId: uuidV7.next() })).toEqual([400, "VALIDATION_FAILED", "/body/planId"]);
  for (const timeZone of ["Mars/Olympus", "+01:00", "", "../etc/passwd"]) expect(await refuse({ timeZone })).toEqual([400, "VALIDATION_FAILED", "/body/timeZone"]);
  expect(await refuse({ name: "" })).toEqual([400, "VALIDATION_FAILED", "/body/name"]);
  expect(await refuse({ surplus: 1 })).toEqual([400, "VALIDATION_FAILED", "/body/surplus"]);
});

test("another agency's tenants are not there", async () => {
  const foreign = await api.createTestTenant(other, "Foreign");
  for (const answer of [
    await agency.client.get(`/v1/tenants/${foreign.id}`),
    await agency.client.get(`/v1/tenants/${foreign.id}/usage`),
    await agency.client.patch(`/v1/tenants/${foreign.id}`, { name: "Mine" }),
    await agency.client.get(`/v1/tenants/${foreign.id}/api-keys`),
    await agency.client.post(`/v1/tenants/${foreign.id}/api-keys`, { name: "Mine" }),
    await agency.client.delete(`/v1/tenants/${foreign.id}/api-keys/${foreign.keyId}`),
    await agency.client.forTenant(foreign.id).get("/v1/workflows"),
  ]) {
    expect([answer.status, answer.at("code")]).toEqual([404, "NOT_FOUND"]);
  }
  expect((await foreign.client.get("/v1/me")).status).toBe(200);
  expect(JSON.stringify((await agency.client.get("/v1/tenants?limit=100")).body)).not.toContain(foreign.id);
});

test("the key of a tenant reads its tenant and nothing of the agency", async () => {
  const tenant = await api.createTestTenant(agency, "Own");
  expect((await tenant.client.get(`/v1/tenants/${tenant.id}`)).at("name")).toBe("Own");
  for (const answer of [
    await tenant.client.get("/v1/tenants"),
    await tenant.client.post("/v1/tenants", { name: "New", planId: PLANS.FREE }),
    await tenant.client.patch(`/v1/tenants/${tenant.id}`, { planId: PLANS.PRO }),
    await tenant.client.get(`/v1/tenants/${tenant.id}/api-keys`),
  ]) {
    expect([answer.status, answer.at("code")]).toEqual([403, "SCOPE_MISSING"]);
  }
});

test("an agency key must name the tenant; a tenant's key may, but only its own", async () => {
  const tenant = await api.createTestTenant(agency, "Header");
  const sibling = await api.createTestTenant(agency, "Sibling");
  const missing = await agency.client.get("/v1/credentials");
  expect([missing.status, missing.at("code")]).toEqual([400, "TENANT_REQUIRED"]);
  const malformed = await agency.client.get("/v1/workflows", { "fluxo-tenant": "x" });
  expect([malformed.status, malformed.at("issues", 0, "path")]).toEqual([400, "/headers/fluxo-tenant"]);
  expect((await agency.client.forTenant(tenant.id).get("/v1/workflows")).status).toBe(200);
  expect((await agency.client.forTenant(tenant.id.toUpperCase()).get("/v1/workflows")).status).toBe(200);
  expect((await tenant.client.forTenant(tenant.id).get("/v1/workflows")).status).toBe(200);
  expect((await tenant.client.forTenant(sibling.id).get("/v1/workflows")).status).toBe(404);
  // Lists that are the agency's too: all its tenants, or the one that it names.
  const made = await sibling.client.post("/v1/workflows", { name: "Of the sibling" });
  await (await api.createTestTenant(other, "Elsewhere")).client.post("/v1/workflows", { name: "Of another agency" });
  const all = await agency.client.get("/v1/workflows?q=of");
  expect([all.status, all.at("data")]).toEqual([200, [expect.objectContaining({ id: made.text("id"), tenantId: sibling.id })]]);
  expect((await agency.client.forTenant(tenant.id).get("/v1/workflows?q=of")).at("data")).toEqual([]);
  for (const path of ["/v1/executions?status=FAILED", "/v1/triggers?health=ok", "/v1/outages?status=open"]) expect((await agency.client.get(path)).status).toBe(200);
});

test("tells the usage of the current month in the tenant's zone", async () => {
  const created = await agency.client.post("/v1/tenants", { name: "Usage", planId: PLANS.STARTER, timeZone: "Asia/Tokyo" });
  const usage = await agency.client.get(`/v1/tenants/${created.text("id")}/usage`);
  expect(usage.status).toBe(200);
  expect(usage.body).toMatchObject({ executions: { limit: 10_000, used: 0, reserved: 0, remaining: 10_000 }, concurrency: { running: 0, max: 10 } });
  expect(usage.text("window", "start")).toMatch(/T15:00:00\.000Z$/);
  expect(Date.parse(usage.text("window", "start"))).toBeLessThanOrEqual(Date.now());
  expect(Date.parse(usage.text("window", "end"))).toBeGreaterThan(Date.now());
});

test("an external id leads to its tenant: the first request creates it, the others change it, also at the same time", async () => {
  const path = "/v1/tenants/by-external-id/crm%2Fübung 7";
  expect((await agency.client.get(path)).status).toBe(404);
  const body = { name: "Linden Spa", planId: PLANS.STARTER };
  const answers = await Promise.all(Array.from({ length: 8 }, () => agency.client.put(path, body)));
  expect([answers.filter((answer) => answer.status === 201).length, answers.filter((answer) => answer.status === 200).length]).toEqual([1, 7]);
  expect(new Set(answers.map((answer) => answer.text("id"))).size).toBe(1);
  const id = answers[0]?.text("id") ?? "";
  expect(answers.find(({ status }) => status === 201)?.headers.get("location")).toBe(`/v1/tenants/${id}`);
  const moved = await agency.client.put(path, { name: "Linden Spa & Pool", planId: PLANS.PRO, timeZone: "Europe/Vienna" });
  expect([moved.status, moved.body]).toEqual([200, expect.objectContaining({ id, name: "Linden Spa & Pool", planId: PLANS.PRO, timeZone: "Europe/Vienna", externalId: "crm/übung 7" })]);
  expect((await agency.client.put(path, { name: "Linden Spa", planId: PLANS.PRO })).at("timeZone")).toBe("Europe/Vienna");
  expect((await agency.client.get(path)).at("id")).toBe(id);
});

test("an external id is the agency's own, and what it puts keeps the rules of tenants", async () => {
  const path = "/v1/tenants/by-external-id/shared";
  const own = await agency.client.put(path, { name: "Ours", planId: PLANS.FREE });
  const foreign = await other.client.put(path, { name: "Theirs", planId: PLANS.FREE });
  expect([own.status, foreign.status]).toEqual([201, 201]);
  expect(own.text("id")).not.toBe(foreign.text("id"));
  expect((await agency.client.get(path)).at("name")).toBe("Ours");
  await api.createTestTenant(agency, "Has this name");
  const taken = await agency.client.put(path, { name: "Has this name", planId: PLANS.FREE });
  expect([taken.status, taken.at("code"), taken.at("issues", 0, "path")]).toEqual([409, "NAME_TAKEN", "/body/name"]);
  const unknown = await agency.client.put(path, { name: "Ours", planId: uuidV7.next() });
  expect([unknown.status, unknown.at("issues", 0, "path")]).toEqual([400, "/body/planId"]);
  const tenant = await api.createTestTenant(agency, "Not an agency");
  expect((await tenant.client.get(path)).status).toBe(403);
});

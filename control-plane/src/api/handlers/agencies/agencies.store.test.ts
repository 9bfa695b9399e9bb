import { AGENCY_SCOPES, OPERATOR_SCOPES } from "@fluxo/contracts/http/scopes";
import { uuidV7 } from "@fluxo/prisma/ids";
import { ManualClock } from "@fluxo/runtime/testing/manual-clock";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient } from "../../testing/client.ts";
import { PLANS, startHarness, type Harness, type TestOperator } from "../../testing/harness.ts";

let api: Harness;
let operator: TestOperator;

beforeAll(async () => {
  api = await startHarness();
  operator = await api.createTestOperator();
});
afterAll(() => api.stop());

test("the operator creates an agency with its first key, which may do everything that an agency can", async () => {
  const created = await operator.client.post("/v1/agencies", { name: " Northwind ", limits: { tenantsMax: 3, tierRankMax: 2 } });
  expect([created.status, created.headers.get("location")]).toEqual([201, `/v1/agencies/${created.text("id")}`]);
  expect(created.body).toMatchObject({ name: "Northwind", status: "ACTIVE", suspendedAt: null, limits: { tenantsMax: 3, tierRankMax: 2 }, apiKey: { name: "Admin", scopes: [...AGENCY_SCOPES] } });
  const key = created.text("apiKey", "key");
  const agency = createClient(api.url, key);
  expect((await agency.get("/v1/agency")).body).toMatchObject({ id: created.text("id"), name: "Northwind" });
  const read = await operator.client.get(`/v1/agencies/${created.text("id")}`);
  expect(read.status).toBe(200);
  expect(JSON.stringify(read.body)).not.toContain("apiKey");
  expect(api.logLines.join("\n")).not.toContain(key.slice(-43));
});

test("the operator lists, renames and limits agencies; limits are replaced as a whole", async () => {
  const [a, b] = [await operator.client.post("/v1/agencies", { name: "A" }), await operator.client.post("/v1/agencies", { name: "B" })];
  const first = await operator.client.get("/v1/agencies?limit=1");
  expect(first.at("data", 0, "id")).toBe(b.at("id"));
  expect((await operator.client.get(`/v1/agencies?limit=1&pageToken=${first.text("nextPageToken")}`)).at("data", 0, "id")).toBe(a.at("id"));
  const path = `/v1/agencies/${a.text("id")}`;
  expect((await operator.client.patch(path, { name: "A2", limits: { seatsMax: 5 } })).body).toMatchObject({ name: "A2", limits: { seatsMax: 5 } });
  expect((await operator.client.patch(path, { limits: { concurrencyMax: 7 } })).body).toMatchObject({ name: "A2", limits: { concurrencyMax: 7 } });
  expect((await operator.client.patch(path, {})).body).toMatchObject({ name: "A2", limits: { concurrencyMax: 7 } });
  const wrong = await operator.client.patch(path, { limits: { tierRankMax: 4 } });
  expect([wrong.status, wrong.at("issues", 0, "path")]).toEqual([400, "/body/limits/tierRankMax"]);
  expect((await operator.client.patch(path, { limits: { tints: 1 } })).status).toBe(400);
  for (const request of [operator.client.get(`/v1/agencies/${uuidV7.next()}`), operator.client.patch(`/v1/agencies/${uuidV7.next()}`, { name: "x" }), operator.client.post(`/v1/agencies/${uuidV7.next()}/suspend`)]) {
    expect((await request).at("code")).toBe("NOT_FOUND");
  }
});

test("the keys of a suspended agency and of its tenants are refused by every process until it is resumed", async () => {
  // No time passes for what it remembers: only the message can end it.
  const another = await api.startAnother({ clock: new ManualClock(new Date()) });
  try {
    const created = await operator.client.post("/v1/agencies", { name: "Late payer" });
    const agency = createClient(api.url, created.text("apiKey", "key"));
    const tenant = await agency.post("/v1/tenants", { name: "T", planId: PLANS.FREE });
    const key = await agency.post(`/v1/tenants/${tenant.text("id")}/api-keys`, { name: "K" });
    const clients = [agency, createClient(another.url, created.text("apiKey", "key")), createClient(api.url, key.text("key")), createClient(another.url, key.text("key"))];
    const outcomes = (): Promise<unknown[]> => Promise.all(clients.map(async (client) => (await client.get("/v1/me")).at("code") ?? "ok"));
    expect(await outcomes()).toEqual(["ok", "ok", "ok", "ok"]);
    const path = `/v1/agencies/${created.text("id")}`;
    const suspended = await operator.client.post(`${path}/suspend`, { reason: "Unpaid invoice" });
    expect(suspended.body).toMatchObject({ status: "SUSPENDED", suspensionReason: "Unpaid invoice" });
    await expect.poll(outcomes).toEqual(Array.from({ length: 4 }, () => "AGENCY_SUSPENDED"));
    expect((await agency.get("/v1/me")).status).toBe(403);
    expect((await operator.client.post(`${path}/suspend`, { reason: "Again" })).body).toEqual(suspended.body);
    expect((await operator.client.get("/v1/agencies?status=SUSPENDED")).at("data", 0, "id")).toBe(created.at("id"));
    expect((await operator.client.post(`${path}/resume`)).body).toMatchObject({ status: "ACTIVE", suspendedAt: null, suspensionReason: null });
    await expect.poll(outcomes).toEqual(["ok", "ok", "ok", "ok"]);
  } finally {
    await another.stop();
  }
});

test("the operator has nothing to do with what is an agency's, and nobody else with what is the operator's", async () => {
  const agency = await api.createTestAgency("Private");
  const tenant = await api.createTestTenant(agency, "T");
  const everything = await api.createTestOperator([...AGENCY_SCOPES, "agencies:read", "agencies:write"]);
  for (const [path, headers] of [["/v1/tenants", {}], ["/v1/agency", {}], ["/v1/workflows", {}], ["/v1/workflows", { "fluxo-tenant": tenant.id }], [`/v1/tenants/${tenant.id}`, {}]] as const) {
    const refused = await everything.client.get(path, headers);
    expect([path, refused.status, refused.at("code")]).toEqual([path, 403, "SCOPE_MISSING"]);
  }
  const forged = await api.createTestAgency("Forged", [...AGENCY_SCOPES, ...OPERATOR_SCOPES]);
  for (const path of ["/v1/agencies", `/v1/agencies/${agency.id}`, "/v1/operator/api-keys"]) {
    const refused = await forged.client.get(path);
    expect([path, refused.status, refused.at("code")]).toEqual([path, 403, "SCOPE_MISSING"]);
  }
  expect((await operator.client.get("/v1/me")).body).toMatchObject({ actor: { kind: "apiKey", id: operator.keyId }, agency: null, tenant: null });
  expect(((await operator.client.get("/v1/plans")).at("data") as unknown[]).length).toBe(4);
});

test("the operator's keys are listed, created, rotated and revoked by the operator", async () => {
  const created = await operator.client.post("/v1/operator/api-keys", { name: "Watcher", scopes: ["agencies:read"] });
  const watcher = createClient(api.url, created.text("key"));
  expect((await watcher.get("/v1/agencies")).status).toBe(200);
  expect((await watcher.post("/v1/agencies", { name: "x" })).at("code")).toBe("SCOPE_MISSING");
  expect((await operator.client.post("/v1/operator/api-keys", { name: "x", scopes: ["workflows:read"] })).status).toBe(400);
  const rotated = await operator.client.post(`/v1/operator/api-keys/${created.text("id")}/rotate`, { overlapSeconds: 0 });
  expect((await watcher.get("/v1/me")).status).toBe(401);
  expect((await createClient(api.url, rotated.text("key")).get("/v1/agencies")).status).toBe(200);
  expect((await operator.client.delete(`/v1/operator/api-keys/${created.text("id")}`)).status).toBe(204);
  expect((await createClient(api.url, rotated.text("key")).get("/v1/me")).status).toBe(401);
  const names = ((await operator.client.get("/v1/operator/api-keys")).at("data") as { name: string }[]).map(({ name }) => name);
  expect(names).toContain("Watcher");
  expect(names).not.toContain("Admin");
});

test("the database itself keeps an agency from changing its terms, and the operator from tenants' rows", async () => {
  const agency = await api.createTestAgency("Terms");
  const tenant = await api.createTestTenant(agency, "T");
  const change = (data: { name?: string; status?: string; limits?: object }): Promise<unknown> => api.tenantDb.withAgency(agency.id, (db) => db.agency.updateMany({ where: { id: agency.id }, data }));
  for (const data of [{ name: "Mine" }, { limits: { tenantsMax: 9 } }]) await expect(change(data)).rejects.toThrow(/the operator's/);
  await api.tenantDb.withOperator(async (db) => {
    expect(await db.tenant.count()).toBe(0);
    expect(await db.workflow.count()).toBe(0);
    expect(await db.apiKey.count({ where: { agencyId: agency.id } })).toBe(0);
    expect(await db.agency.count({ where: { id: agency.id } })).toBe(1);
  });
  expect((await tenant.client.get("/v1/me")).status).toBe(200);
});

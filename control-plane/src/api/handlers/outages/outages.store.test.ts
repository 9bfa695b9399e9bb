import { awaitOutage, closeOutage, openOutage, prolongOutage, type NewOutage } from "@fluxo/prisma/breakers/outages";
import { uuidV7 } from "@fluxo/prisma/ids";
import { OUTAGE_CHANNEL } from "@fluxo/contracts/channels/outages";
import { afterAll, beforeAll, expect, test } from "vitest";
import { manualGraph } from "../../testing/graphs.ts";
import { startHarness, type Harness, type TestAgency, type TestTenant } from "../../testing/harness.ts";

let api: Harness;
let agency: TestAgency;

beforeAll(async () => {
  api = await startHarness();
  agency = await api.createTestAgency("Northwind");
});
afterAll(() => api.stop());

const PROBE_AT = "2026-11-23T08:00:30.000Z";

async function open(tenant: TestTenant, host: string, rest: Partial<NewOutage> = {}): Promise<string> {
  const id = uuidV7.next();
  await openOutage(api.pool, { tenantId: tenant.id, id, credentialId: null, host, integration: "http", nextProbeAt: new Date(PROBE_AT), errorClass: "SERVER", code: "PROVIDER_FAILED", ...rest });
  return id;
}

test("lists outages, the open ones first, in pages and by filter", async () => {
  const tenant = await api.createTestTenant(agency, "List");
  const credential = await tenant.client.post("/v1/credentials", { name: "Shop", kind: "bearer", fields: { hosts: ["api.example.com"], token: "t" } });
  const credentialId = credential.text("id");
  const [a, b, c] = [await open(tenant, "a.example.com"), await open(tenant, "b.example.com"), await open(tenant, "c.example.com", { host: null, credentialId, integration: "s3", errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED" })];
  const d = await open(tenant, "d.example.com");
  await closeOutage(api.pool, tenant.id, b, "PROBE");
  await closeOutage(api.pool, tenant.id, a, "PROBE");
  const seen: unknown[] = [];
  for (let token = ""; ; ) {
    const page = await tenant.client.get(`/v1/outages?limit=1${token === "" ? "" : `&pageToken=${token}`}`);
    seen.push(page.at("data", 0, "id"));
    if (page.at("nextPageToken") === null) break;
    token = page.text("nextPageToken");
  }
  expect(seen).toEqual([d, c, a, b]);
  const ids = async (query: string) => ((await tenant.client.get(`/v1/outages?${query}`)).at("data") as { id: string }[]).map(({ id }) => id);
  expect(await ids("status=open")).toEqual([d, c]);
  expect(await ids("status=closed")).toEqual([a, b]);
  expect(await ids("integration=s3")).toEqual([c]);
  expect(await ids(`credentialId=${credentialId}`)).toEqual([c]);
  expect(await ids("host=d.example.com")).toEqual([d]);
  const listed = await tenant.client.get("/v1/outages?integration=s3");
  expect(listed.at("data", 0)).toMatchObject({ status: "open", kind: "credential", credentialId, host: null, closedAt: null, closedBy: null, nextProbeAt: PROBE_AT, lastErrorClass: "CREDENTIAL", lastErrorCode: "CREDENTIAL_REJECTED", affectedExecutions: 0 });
});

test("a new outage of the same host ends the record of one whose breaker was lost", async () => {
  const tenant = await api.createTestTenant(agency, "Lost");
  const lost = await open(tenant, "a.example.com");
  const other = await open(tenant, "b.example.com");
  const again = await open(tenant, "a.example.com");
  await prolongOutage(api.pool, { tenantId: tenant.id, id: again, nextProbeAt: new Date("2026-11-23T09:00:00Z"), errorClass: "TIMEOUT", code: "NODE_TIMEOUT" });
  const { body } = await tenant.client.get("/v1/outages");
  expect(body).toMatchObject({
    data: [
      { id: again, status: "open", nextProbeAt: "2026-11-23T09:00:00.000Z", lastErrorClass: "TIMEOUT" },
      { id: other, status: "open" },
      { id: lost, status: "closed", closedBy: "LOST", nextProbeAt: null },
    ],
  });
});

test("closing by hand ends the record, forgets the breaker and tells the workers", async () => {
  const tenant = await api.createTestTenant(agency, "Close");
  const workflowId = (await tenant.client.post("/v1/workflows", { name: "W", graph: manualGraph })).text("id");
  await tenant.client.post(`/v1/workflows/${workflowId}/publish`);
  const executionId = (await tenant.client.post(`/v1/workflows/${workflowId}/executions`, { input: {} })).text("executionId");
  const id = await open(tenant, "a.example.com:8443");
  for (let count = 0; count < 2; count += 1) await awaitOutage(api.pool, tenant.id, id, executionId);
  const key = `breakers:${tenant.id}:host:a.example.com:8443`;
  await api.redis.set(key, "{}");
  const subscriber = api.redis.duplicate({ maxRetriesPerRequest: null });
  const told = new Promise<string>((resolve) => subscriber.on("message", (_channel: string, text: string) => resolve(text)));
  await subscriber.subscribe(`${api.redis.options.keyPrefix ?? ""}${OUTAGE_CHANNEL}`);
  const closed = await tenant.client.post(`/v1/outages/${id}/close`);
  expect([closed.status, closed.body]).toMatchObject([200, { id, status: "closed", closedBy: "MANUAL", affectedExecutions: 1, host: "a.example.com:8443" }]);
  expect(await api.redis.exists(key)).toBe(0);
  expect(JSON.parse(await told)).toEqual({ version: 1, event: "closed", key });
  subscriber.disconnect();
  expect((await tenant.client.post(`/v1/outages/${id}/close`)).body).toEqual(closed.body);
});

test("new secrets of a credential close its breaker and its record; a new name does not", async () => {
  const tenant = await api.createTestTenant(agency, "Mend");
  const credentialId = (await tenant.client.post("/v1/credentials", { name: "Shop", kind: "bearer", fields: { hosts: ["api.example.com"], token: "t" } })).text("id");
  const id = await open(tenant, "", { host: null, credentialId, errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED" });
  const other = await open(tenant, "a.example.com");
  const key = `breakers:${tenant.id}:credential:${credentialId}`;
  await api.redis.set(key, "{}");
  const stateOf = async () => [await api.redis.exists(key), (await tenant.client.get("/v1/outages?status=open")).at("data")];
  expect((await tenant.client.patch(`/v1/credentials/${credentialId}`, { name: "The shop" })).status).toBe(200);
  expect((await tenant.client.patch(`/v1/credentials/${credentialId}`, { fields: { token: 1 } })).status).toBe(400);
  expect(await stateOf()).toMatchObject([1, [{ id: other }, { id }]]);
  expect((await tenant.client.patch(`/v1/credentials/${credentialId}`, { fields: { token: "t2" } })).status).toBe(200);
  expect(await stateOf()).toMatchObject([0, [{ id: other }]]);
  expect((await tenant.client.get(`/v1/outages?credentialId=${credentialId}`)).at("data")).toMatchObject([{ id, status: "closed", closedBy: "MANUAL" }]);
});

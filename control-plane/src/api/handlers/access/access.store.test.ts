import { AGENCY_SCOPES, TENANT_SCOPES } from "@fluxo/contracts/http/scopes";
import { randomBytes } from "node:crypto";
import { uuidV7 } from "@fluxo/prisma/ids";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mintApiKey } from "../../../keys/api-key.ts";
import { createClient } from "../../testing/client.ts";
import { startHarness, type Harness, type TestAgency, type TestTenant } from "../../testing/harness.ts";

let api: Harness;
let agency: TestAgency;
let tenant: TestTenant;

beforeAll(async () => {
  api = await startHarness();
  agency = await api.createTestAgency("Northwind");
  tenant = await api.createTestTenant(agency, "Bakery");
});
afterAll(() => api.stop());

test("tells an agency key and the key of a tenant what they are", async () => {
  const mine = await agency.client.get("/v1/me");
  expect(mine.status).toBe(200);
  expect(mine.body).toEqual({ actor: { kind: "apiKey", id: agency.keyId }, tenantIds: null, agency: { id: agency.id, name: "Northwind" }, tenant: null, scopes: [...AGENCY_SCOPES], expiresAt: null });
  const theirs = await tenant.client.get("/v1/me");
  expect(theirs.body).toEqual({
    actor: { kind: "apiKey", id: tenant.keyId },
    tenantIds: [tenant.id],
    agency: { id: agency.id, name: null },
    tenant: { id: tenant.id, name: "Bakery" },
    scopes: [...TENANT_SCOPES],
    expiresAt: null,
  });
});

test("answers every wrong key alike", async () => {
  const unknown = mintApiKey(uuidV7, randomBytes).text;
  const wrongSecret = `${agency.key.slice(0, -4)}AAAA`;
  const headers = [undefined, "Bearer", "Bearer nonsense", `Basic ${agency.key}`, agency.key, `Bearer ${unknown}`, `Bearer ${wrongSecret}`, `Bearer ${agency.key} more`];
  const answers = await Promise.all(headers.map((authorization) => createClient(api.url).get("/v1/me", authorization === undefined ? {} : { authorization })));
  for (const answer of answers) {
    expect(answer.status).toBe(401);
    expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="fluxo"');
    expect({ ...(answer.body as object), instance: "" }).toEqual({ ...(answers[0]?.body as object), instance: "" });
    expect(answer.at("code")).toBe("UNAUTHENTICATED");
  }
});

test("takes the scheme in any case", async () => {
  expect((await createClient(api.url).get("/v1/me", { authorization: `bEARER  ${agency.key}` })).status).toBe(200);
});

test("shows a new key once, and never a secret again", async () => {
  const created = await agency.client.post(`/v1/tenants/${tenant.id}/api-keys`, { name: " Website ", scopes: ["executions:write"], expiresAt: "2999-01-01T00:00:00+01:00" });
  expect(created.status).toBe(201);
  expect(created.at("name")).toBe("Website");
  expect(created.at("scopes")).toEqual(["executions:write"]);
  expect(created.at("expiresAt")).toBe("2998-12-31T23:00:00.000Z");
  const key = created.text("key");
  expect(key.startsWith(`${created.text("prefix")}_`)).toBe(true);
  const secret = key.slice(created.text("prefix").length + 1);
  expect(Buffer.from(secret, "base64url")).toHaveLength(32);
  const list = await agency.client.get(`/v1/tenants/${tenant.id}/api-keys`);
  expect(list.status).toBe(200);
  expect(JSON.stringify(list.body)).not.toContain(secret);
  expect(JSON.stringify(list.body)).not.toContain("secretHash");
  expect(api.logLines.join("\n")).not.toContain(secret);
  expect((await createClient(api.url, key).get("/v1/me")).at("scopes")).toEqual(["executions:write"]);
});

test("refuses a key from the moment it is revoked, after at most a second", async () => {
  const created = await agency.client.post(`/v1/tenants/${tenant.id}/api-keys`, { name: "Short" });
  const path = `/v1/tenants/${tenant.id}/api-keys/${created.text("id")}`;
  const client = createClient(api.url, created.text("key"));
  expect((await client.get("/v1/me")).status).toBe(200);
  expect((await agency.client.delete(path)).status).toBe(204);
  const revoked = await agency.client.get(`/v1/tenants/${tenant.id}/api-keys?limit=1`);
  expect((await agency.client.delete(path)).status).toBe(204);
  expect((await agency.client.get(`/v1/tenants/${tenant.id}/api-keys?limit=1`)).at("data", 0, "revokedAt")).toBe(revoked.text("data", 0, "revokedAt"));
  await expect.poll(async () => (await client.get("/v1/me")).status, { timeout: 3_000 }).toBe(401);
  const missing = await agency.client.delete(`/v1/tenants/${tenant.id}/api-keys/${uuidV7.next()}`);
  expect([missing.status, missing.at("code")]).toEqual([404, "NOT_FOUND"]);
});

test("refuses an expired key", async () => {
  const past = await agency.client.post(`/v1/tenants/${tenant.id}/api-keys`, { name: "Past", expiresAt: "2020-01-01T00:00:00Z" });
  expect([past.status, past.at("issues", 0, "path")]).toEqual([400, "/body/expiresAt"]);
  const soon = await agency.client.post(`/v1/tenants/${tenant.id}/api-keys`, { name: "Soon", expiresAt: new Date(Date.now() + 400).toISOString() });
  expect(soon.status).toBe(201);
  await expect.poll(async () => (await createClient(api.url, soon.text("key")).get("/v1/me")).status, { timeout: 3_000 }).toBe(401);
});

test("gives no scope that the caller lacks, and none that a tenant's key cannot have", async () => {
  const limited = await api.createTestAgency("Limited", ["tenants:read", "tenants:write", "keys:write"]);
  const created = await limited.client.post("/v1/tenants", { name: "T", planId: "00000000-0000-7000-8000-000000000001" });
  const path = `/v1/tenants/${created.text("id")}/api-keys`;
  const refused = await limited.client.post(path, { name: "K", scopes: ["tenants:read", "workflows:write"] });
  expect([refused.status, refused.at("code")]).toEqual([403, "SCOPE_MISSING"]);
  expect(refused.text("detail")).toContain("workflows:write");
  expect((await limited.client.post(path, { name: "K", scopes: ["tenants:read"] })).status).toBe(201);
  expect((await limited.client.post(path, { name: "K", scopes: ["keys:write"] })).status).toBe(400);
  const unread = await limited.client.get(path);
  expect([unread.status, unread.at("code")]).toEqual([403, "SCOPE_MISSING"]);
});

test("pages keys, newest first, without gaps or repeats", async () => {
  const other = await api.createTestTenant(agency, "Pages");
  for (const name of ["b", "c", "d", "e"]) await agency.client.post(`/v1/tenants/${other.id}/api-keys`, { name });
  const names: unknown[] = [];
  for (let query: string | undefined = "limit=2"; query !== undefined; ) {
    const page = await agency.client.get(`/v1/tenants/${other.id}/api-keys?${query}`);
    names.push(...(page.at("data") as { name: string }[]).map(({ name }) => name));
    query = page.at("nextPageToken") === null ? undefined : `limit=2&pageToken=${page.text("nextPageToken")}`;
  }
  expect(names).toEqual(["e", "d", "c", "b", "All"]);
});

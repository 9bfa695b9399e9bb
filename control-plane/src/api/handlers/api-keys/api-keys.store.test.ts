import { AGENCY_SCOPES, TENANT_SCOPES } from "@fluxo/contracts/http/scopes";
import { randomBytes } from "node:crypto";
import { noteKeyUses } from "@fluxo/prisma/access/api-keys";
import { uuidV7 } from "@fluxo/prisma/ids";
import { ManualClock } from "@fluxo/runtime/testing/manual-clock";
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
  expect(mine.body).toEqual({ actor: { kind: "apiKey", id: agency.keyId }, tenantIds: null, member: null, agency: { id: agency.id, name: "Northwind" }, tenant: null, scopes: [...AGENCY_SCOPES], expiresAt: null });
  const theirs = await tenant.client.get("/v1/me");
  expect(theirs.body).toEqual({
    actor: { kind: "apiKey", id: tenant.keyId },
    tenantIds: [tenant.id],
    member: null,
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

test("a revoked key is refused at once by the process that revoked it, and within a second by every other", async () => {
  const created = await agency.client.post(`/v1/tenants/${tenant.id}/api-keys`, { name: "Short" });
  const path = `/v1/tenants/${tenant.id}/api-keys/${created.text("id")}`;
  const client = createClient(api.url, created.text("key"));
  expect((await client.get("/v1/me")).status).toBe(200);
  expect((await agency.client.delete(path)).status).toBe(204);
  const revoked = await agency.client.get(`/v1/tenants/${tenant.id}/api-keys?limit=1`);
  expect((await agency.client.delete(path)).status).toBe(204);
  expect((await agency.client.get(`/v1/tenants/${tenant.id}/api-keys?limit=1`)).at("data", 0, "revokedAt")).toBe(revoked.text("data", 0, "revokedAt"));
  expect((await client.get("/v1/me")).status).toBe(401);
  const missing = await agency.client.delete(`/v1/tenants/${tenant.id}/api-keys/${uuidV7.next()}`);
  expect([missing.status, missing.at("code")]).toEqual([404, "NOT_FOUND"]);
});

test("another process refuses a revoked key as soon as it hears of it, and within a second when it does not", async () => {
  const clock = new ManualClock(new Date());
  const another = await api.startAnother({ clock });
  try {
    const remembered = async () => {
      const created = await agency.client.post(`/v1/tenants/${tenant.id}/api-keys`, { name: "Short" });
      const elsewhere = createClient(another.url, created.text("key"));
      const statusOf = async (): Promise<number> => (await elsewhere.get("/v1/me")).status;
      expect(await statusOf()).toBe(200);
      return { id: created.text("id"), statusOf };
    };
    // No time passes for what is remembered: only the message can end it.
    const told = await remembered();
    await agency.client.delete(`/v1/tenants/${tenant.id}/api-keys/${told.id}`);
    await expect.poll(told.statusOf).toBe(401);
    const untold = await remembered();
    await api.system.query("UPDATE api_keys SET revoked_at = now() WHERE id = $1", [untold.id]);
    await clock.advance(999);
    expect(await untold.statusOf()).toBe(200);
    await clock.advance(1);
    expect(await untold.statusOf()).toBe(401);
  } finally {
    await another.stop();
  }
});

test("a rotated key has two live secrets, never three, until the overlap ends or is ended", async () => {
  const path = `/v1/tenants/${tenant.id}/api-keys`;
  const created = await agency.client.post(path, { name: "Rotated" });
  const rotate = `${path}/${created.text("id")}/rotate`;
  const statusOf = async (key: string): Promise<number> => (await createClient(api.url, key).get("/v1/me")).status;
  const first = created.text("key");
  expect(await statusOf(first)).toBe(200);
  const rotated = await agency.client.post(rotate);
  expect([rotated.status, rotated.at("id"), rotated.at("prefix")]).toEqual([200, created.at("id"), created.at("prefix")]);
  expect(Date.parse(rotated.text("previousUntil")) - Date.parse(rotated.text("rotatedAt"))).toBe(86_400_000);
  const second = rotated.text("key");
  expect(second).not.toBe(first);
  expect([await statusOf(first), await statusOf(second)]).toEqual([200, 200]);
  const refused = await agency.client.post(rotate);
  expect([refused.status, refused.at("code")]).toEqual([409, "STATE_CONFLICT"]);
  const ended = await agency.client.post(rotate, { overlapSeconds: 0 });
  expect([ended.status, ended.at("previousUntil")]).toEqual([200, null]);
  const third = ended.text("key");
  expect([await statusOf(first), await statusOf(second), await statusOf(third)]).toEqual([401, 401, 200]);
  const brief = await agency.client.post(rotate, { overlapSeconds: 1 });
  expect([await statusOf(third), await statusOf(brief.text("key"))]).toEqual([200, 200]);
  await expect.poll(() => statusOf(third)).toBe(401);
  expect(await statusOf(brief.text("key"))).toBe(200);
  await agency.client.delete(`${path}/${created.text("id")}`);
  expect((await agency.client.post(rotate)).at("code")).toBe("STATE_CONFLICT");
  expect((await agency.client.post(`${path}/${uuidV7.next()}/rotate`)).at("code")).toBe("NOT_FOUND");
  expect(api.logLines.join("\n")).not.toContain(second.slice(created.text("prefix").length + 1));
});

test("of rotations at the same time one succeeds, and its secret is the one that works", async () => {
  const path = `/v1/tenants/${tenant.id}/api-keys`;
  const created = await agency.client.post(path, { name: "Raced" });
  const answers = await Promise.all(Array.from({ length: 8 }, () => agency.client.post(`${path}/${created.text("id")}/rotate`)));
  const succeeded = answers.filter(({ status }) => status === 200);
  expect([succeeded.length, answers.filter(({ status }) => status === 409).length]).toEqual([1, 7]);
  expect((await createClient(api.url, succeeded[0]?.text("key")).get("/v1/me")).status).toBe(200);
});

test("an agency has keys of its own, which the operator and other agencies do not see", async () => {
  const created = await agency.client.post("/v1/agency/api-keys", { name: "Reports", scopes: ["tenants:read", "usage:read"] });
  expect(created.status).toBe(201);
  const reports = createClient(api.url, created.text("key"));
  expect((await reports.get("/v1/me")).body).toMatchObject({ agency: { id: agency.id }, tenant: null, scopes: ["tenants:read", "usage:read"] });
  expect((await reports.get("/v1/tenants")).status).toBe(200);
  expect((await reports.post("/v1/agency/api-keys", { name: "More" })).at("code")).toBe("SCOPE_MISSING");
  expect(((await agency.client.get("/v1/agency/api-keys")).at("data") as { name: string }[]).map(({ name }) => name)).toEqual(["Reports", "Admin"]);
  const stranger = await api.createTestAgency("Stranger");
  expect((await stranger.client.delete(`/v1/agency/api-keys/${created.text("id")}`)).status).toBe(404);
  expect((await stranger.client.post(`/v1/agency/api-keys/${created.text("id")}/rotate`)).status).toBe(404);
  // The key of a tenant is not the agency's own, and the other way round.
  expect((await agency.client.delete(`/v1/agency/api-keys/${tenant.keyId}`)).status).toBe(404);
  expect((await agency.client.delete(`/v1/tenants/${tenant.id}/api-keys/${created.text("id")}`)).status).toBe(404);
  expect((await agency.client.delete(`/v1/agency/api-keys/${created.text("id")}`)).status).toBe(204);
  expect((await reports.get("/v1/me")).status).toBe(401);
});

test("a use is noted within seconds and the minute, beside the requests", async () => {
  const created = await agency.client.post(`/v1/tenants/${tenant.id}/api-keys`, { name: "Used" });
  const client = createClient(api.url, created.text("key"));
  expect(created.at("lastUsedAt")).toBe(null);
  await client.get("/v1/me");
  await api.access.flush();
  const lastUsedAt = async (): Promise<unknown> => (await agency.client.get(`/v1/tenants/${tenant.id}/api-keys?limit=1`)).at("data", 0, "lastUsedAt");
  const noted = await lastUsedAt();
  expect(Math.abs(Date.parse(String(noted)) - Date.now())).toBeLessThan(10_000);
  // Another process may tell a use of the same minute: it is not written.
  await noteKeyUses(api.pool, new Map([[created.text("id"), new Date(Date.now() + 30_000)]]));
  expect(await lastUsedAt()).toBe(noted);
  const later = new Date(Date.now() + 61_000);
  await noteKeyUses(api.pool, new Map([[created.text("id"), later]]));
  expect(await lastUsedAt()).toBe(later.toISOString());
});

test("refuses an expired key", async () => {
  const past = await agency.client.post(`/v1/tenants/${tenant.id}/api-keys`, { name: "Past", expiresAt: "2020-01-01T00:00:00Z" });
  expect([past.status, past.at("issues", 0, "path")]).toEqual([400, "/body/expiresAt"]);
  const soon = await agency.client.post(`/v1/tenants/${tenant.id}/api-keys`, { name: "Soon", expiresAt: new Date(Date.now() + 400).toISOString() });
  expect(soon.status).toBe(201);
  await expect.poll(async () => (await createClient(api.url, soon.text("key")).get("/v1/me")).status).toBe(401);
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

import { createHash } from "node:crypto";
import { auditEntrySchema } from "@fluxo/contracts/http/audit";
import { createClient } from "../../testing/client.ts";
import { manualGraph, webhookGraph } from "../../testing/graphs.ts";
import type { TestAgency, TestTenant } from "../../testing/callers.ts";
import { startHarness, type Harness } from "../../testing/harness.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";

let api: Harness;
let agency: TestAgency;
let tenant: TestTenant;

beforeAll(async () => {
  api = await startHarness();
  agency = await api.createTestAgency("Northwind");
  tenant = await api.createTestTenant(agency, "Bakery");
});
afterAll(() => api.stop());

type Entry = z.output<typeof auditEntrySchema>;
const pageSchema = z.object({ data: z.array(auditEntrySchema), nextPageToken: z.string().nullable() });

async function entriesOf(query: string, of: TestAgency = agency): Promise<Entry[]> {
  const page = await of.client.get(`/v1/audit-entries?${query}`);
  expect(page.status).toBe(200);
  return pageSchema.parse(page.body).data;
}

describe("what is recorded", () => {
  test("who did what to what, from where, with what differs", async () => {
    const workflow = await tenant.client.post("/v1/workflows", { name: "Welcome", graph: manualGraph }, { "user-agent": "test/1", "x-request-id": "req-1", "x-forwarded-for": "203.0.113.7" });
    const id = workflow.text("id");
    await agency.client.forTenant(tenant.id).patch(`/v1/workflows/${id}`, { name: "Good bye" });
    const [changed, created] = await entriesOf(`resourceId=${id}`);
    expect(created).toMatchObject({ action: "createWorkflow", tenantId: tenant.id, actor: { kind: "apiKey", id: tenant.keyId }, resource: { type: "workflow", id }, before: null, userAgent: "test/1", requestId: "req-1" });
    expect(created?.ip).toBe("203.0.113.7");
    expect(created?.after).toMatchObject({ name: "Welcome", isActive: false, draft: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown } });
    expect(changed).toMatchObject({ action: "updateWorkflow", actor: { kind: "apiKey", id: agency.keyId }, before: { name: "Welcome" }, after: { name: "Good bye" } });
    expect(changed?.before).toEqual({ name: "Welcome" });
  });

  test("no secret: not of keys, credentials or webhooks", async () => {
    const key = await agency.client.post(`/v1/tenants/${tenant.id}/api-keys`, { name: "Secret" });
    const credential = await tenant.client.post("/v1/credentials", { name: "Shop", kind: "bearer", fields: { hosts: ["api.example.com"], token: "canary-token" } });
    await tenant.client.patch(`/v1/credentials/${credential.text("id")}`, { fields: { token: "canary-other" } });
    const workflow = await tenant.client.post("/v1/workflows", { name: "Hook", graph: webhookGraph({ mode: "standard" }) });
    const published = await tenant.client.post(`/v1/workflows/${workflow.text("id")}/publish`);
    const all = JSON.stringify(await entriesOf("limit=100"));
    const hook = published.text("triggers", 0, "hookUrl").split("/").at(-1) ?? "";
    for (const secret of ["canary-token", "canary-other", key.text("key").slice(-40), hook, published.text("triggers", 0, "secret")]) expect(all).not.toContain(secret);
    const [updated] = await entriesOf(`resourceId=${credential.text("id")}`);
    expect(updated).toMatchObject({ action: "updateCredential", before: { sealedSecrets: expect.stringMatching(/^\[secret /) as unknown } });
    expect(await entriesOf(`resourceId=${published.text("triggers", 0, "id")}`)).toHaveLength(1);
  });

  test("also what changes no audited row: a cancel, a pause, a session", async () => {
    const workflow = await tenant.client.post("/v1/workflows", { name: "Run", graph: manualGraph });
    await tenant.client.post(`/v1/workflows/${workflow.text("id")}/publish`);
    const started = await tenant.client.post(`/v1/workflows/${workflow.text("id")}/executions`, {});
    const executionId = started.text("executionId");
    await tenant.client.post(`/v1/executions/${executionId}/cancel`);
    expect(await entriesOf(`resourceId=${executionId}`)).toMatchObject([{ action: "cancelExecution", resource: { type: "execution", id: executionId }, after: null }]);
    const bulk = await tenant.client.post("/v1/bulk-operations", { kind: "cancel", name: "Stop", executionIds: [executionId] });
    expect(await entriesOf("action=createBulkOperation")).toMatchObject([{ resource: { type: "bulkOperation", id: bulk.text("id") } }]);
  });

  test("nothing of what was refused, and nothing of what started an execution", async () => {
    const before = await entriesOf("limit=1");
    expect((await tenant.client.post("/v1/workflows", { name: "Run" })).status).toBe(409);
    expect((await tenant.client.patch("/v1/workflows/0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", { name: "x" })).status).toBe(404);
    expect((await tenant.client.post("/v1/schedules/preview", { params: { when: { kind: "interval", every: 1, unit: "hours" } } })).status).toBeLessThan(500);
    expect(await entriesOf("limit=1")).toEqual(before);
  });
});

describe("reading", () => {
  test("pages, and filters by actor, action, resource, tenant and time", async () => {
    const other = await api.createTestTenant(agency, "Butcher");
    await other.client.post("/v1/workflows", { name: "Theirs" });
    expect((await entriesOf(`tenantId=${other.id}`)).map(({ action }) => action)).toEqual(["createWorkflow", "createApiKey", "createTenant"]);
    expect((await entriesOf(`actorId=${other.keyId}`)).map(({ action }) => action)).toEqual(["createWorkflow"]);
    expect((await entriesOf(`action=createApiKey&tenantId=${other.id}&resourceType=apiKey`)).map(({ resource }) => resource.id)).toEqual([other.keyId]);
    const [last] = await entriesOf("limit=1");
    expect(await entriesOf(`from=${new Date(Date.now() + 60_000).toISOString()}`)).toEqual([]);
    expect(await entriesOf(`from=${last?.occurredAt ?? ""}&limit=1`)).toEqual([last]);
    expect((await entriesOf(`to=${last?.occurredAt ?? ""}`)).some(({ seq }) => seq === last?.seq)).toBe(false);
    const first = await agency.client.get("/v1/audit-entries?limit=2");
    const second = await agency.client.get(`/v1/audit-entries?limit=2&pageToken=${first.text("nextPageToken")}`);
    const seqs = [...pageSchema.parse(first.body).data, ...pageSchema.parse(second.body).data].map(({ seq }) => seq);
    expect(seqs).toEqual(Array.from({ length: 4 }, (_, index) => (last?.seq ?? 0) - index));
  });

  test("an agency sees its own chain only, a tenant none, the operator its own", async () => {
    const stranger = await api.createTestAgency("Southwind");
    expect(await entriesOf("limit=10", stranger)).toEqual([]);
    expect((await tenant.client.get("/v1/audit-entries")).status).toBe(403);
    const operator = await api.createTestOperator();
    expect((await operator.client.get("/v1/audit-entries")).at("data")).toEqual([]);
  });

  test("is followed from a place on, without a gap and without a repeat", async () => {
    const [last] = await entriesOf("limit=1");
    const stop = new AbortController();
    const response = await fetch(`${api.url}/v1/audit-entries/events`, { headers: { authorization: `Bearer ${agency.key}`, "last-event-id": String((last?.seq ?? 0) - 1) }, signal: stop.signal });
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const seen: string[] = [];
    const reading = (async () => {
      let text = "";
      for await (const part of response.body ?? []) {
        text += Buffer.from(part).toString("utf8");
        seen.splice(0, seen.length, ...[...text.matchAll(/^id: (\d+)$/gm)].map(([, id = ""]) => id));
        if (seen.length >= 3) return;
      }
    })();
    await tenant.client.post("/v1/workflows", { name: "Followed 1" });
    await tenant.client.post("/v1/workflows", { name: "Followed 2" });
    await reading;
    stop.abort();
    expect(seen).toEqual([0, 1, 2].map((more) => String((last?.seq ?? 0) + more)));
  });
});

describe("the chain", () => {
  const verify = async (query = "", of: TestAgency = agency): Promise<unknown> => (await of.client.get(`/v1/audit-entries/verification${query}`)).body;

  test("stays whole when many change things at one time", async () => {
    const before = await entriesOf("limit=1");
    await Promise.all(Array.from({ length: 30 }, (_, index) => (index % 2 === 0 ? tenant.client.post("/v1/workflows", { name: `Parallel ${index}` }) : agency.client.forTenant(tenant.id).post("/v1/workflows", { name: `Parallel ${index}` }))));
    const [last] = await entriesOf("limit=1");
    expect(last?.seq).toBe((before[0]?.seq ?? 0) + 30);
    expect(await verify()).toMatchObject({ isIntact: true, checked: last?.seq, broken: null, nextAfter: null, head: { seq: last?.seq, hash: last?.hash } });
    expect(await verify("?limit=5")).toMatchObject({ isIntact: true, checked: 5, nextAfter: 5 });
    expect(await verify(`?after=5`)).toMatchObject({ isIntact: true, checked: (last?.seq ?? 0) - 5 });
  });

  test("is exported so that anybody can check it", async () => {
    const response = await fetch(`${api.url}/v1/audit-entries/export`, { headers: { authorization: `Bearer ${agency.key}` } });
    expect(response.headers.get("content-type")).toBe("application/x-ndjson; charset=utf-8");
    const lines = (await response.text()).trimEnd().split("\n").map((line) => z.looseObject({ seq: z.int(), content: z.string(), contentHash: z.string(), previousHash: z.string(), hash: z.string(), action: z.string() }).parse(JSON.parse(line)));
    const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
    let previous = "";
    for (const [index, line] of lines.entries()) {
      expect([line.seq, line.contentHash, line.previousHash, line.hash]).toEqual([index + 1, sha256(line.content), previous, sha256(`${previous}:${line.seq}:${line.contentHash}`)]);
      expect(JSON.parse(line.content)).toMatchObject({ action: line.action });
      previous = line.hash;
    }
    expect(lines.length).toBeGreaterThan(30);
    expect(await entriesOf("action=exportAuditEntries")).toHaveLength(1);
  });

  test("cannot be changed, cut or emptied, by no role", async () => {
    for (const sql of ["UPDATE audit_entries SET actor_id = 'me'", "DELETE FROM audit_entries", "TRUNCATE audit_entries", "UPDATE audit_heads SET seq = 1", "DELETE FROM audit_heads", "TRUNCATE audit_heads"]) {
      await expect(api.owner.query(sql), sql).rejects.toThrow(/append-only/);
      await expect(api.pool.query(sql), sql).rejects.toThrow(/permission denied/);
      await expect(api.system.query(sql), sql).rejects.toThrow(/append-only|permission denied/);
    }
    await expect(api.pool.query("INSERT INTO audit_entries (agency_id, id, occurred_at, action, resource_type) VALUES ($1, gen_random_uuid(), now(), 'x', 'x')", [agency.id])).rejects.toThrow(/permission denied/);
  });

  test.each([
    ["a changed entry", "UPDATE audit_entries SET actor_id = 'somebody' WHERE agency_id = $1 AND seq = 3", { seq: 3, fault: "CONTENT" }],
    ["a changed entry with its hash", "UPDATE audit_entries SET actor_id = 'somebody', content_hash = sha256('x') WHERE agency_id = $1 AND seq = 3", { seq: 3, fault: "HASH" }],
    ["a changed entry with all its hashes", "UPDATE audit_entries SET content_hash = sha256('x'), hash = fluxo_audit_link(previous_hash, seq, sha256('x')), erased_at = now() WHERE agency_id = $1 AND seq = 3", { seq: 4, fault: "LINK" }],
    ["a changed last entry with all its hashes", "UPDATE audit_entries SET content_hash = sha256('x'), hash = fluxo_audit_link(previous_hash, seq, sha256('x')), erased_at = now() WHERE agency_id = $1 AND seq = 10", { seq: 10, fault: "HASH" }],
    ["a missing entry", "DELETE FROM audit_entries WHERE agency_id = $1 AND seq = 3", { seq: 3, fault: "MISSING" }],
    ["a missing end", "DELETE FROM audit_entries WHERE agency_id = $1 AND seq > 3", { seq: 4, fault: "MISSING" }],
  ])("tells %s by who can switch the guards off", async (_name, sql, broken) => {
    const victim = await api.createTestAgency(`Tampered ${Math.random()}`);
    for (const name of ["A", "B", "C", "D", "E"]) await api.createTestTenant(victim, name);
    expect(await verify("", victim)).toMatchObject({ isIntact: true, checked: 10 });
    await api.owner.query("ALTER TABLE audit_entries DISABLE TRIGGER USER");
    await api.owner.query(sql, [victim.id]);
    await api.owner.query("ALTER TABLE audit_entries ENABLE TRIGGER USER");
    expect(await verify("", victim)).toMatchObject({ isIntact: false, broken });
  });

  test("stays whole when the entries of a tenant are erased", async () => {
    const gone = await api.createTestTenant(agency, "Gone");
    await gone.client.post("/v1/workflows", { name: "Private" });
    const [before] = await entriesOf(`tenantId=${gone.id}`);
    await api.system.query("SELECT fluxo_audit_erase($1)", [gone.id]);
    const entries = await entriesOf(`tenantId=${gone.id}`);
    expect(entries).toHaveLength(3);
    expect(entries[0]).toMatchObject({ seq: before?.seq, action: "createWorkflow", actor: null, resource: { id: null }, before: null, after: null, ip: null, userAgent: null, requestId: null, hash: before?.hash });
    expect(entries[0]?.erasedAt).not.toBeNull();
    expect(await verify()).toMatchObject({ isIntact: true });
    await expect(api.pool.query("SELECT fluxo_audit_erase($1)", [tenant.id])).rejects.toThrow(/permission denied/);
  });
});

test("nobody reads without a key", async () => {
  expect((await createClient(api.url).get("/v1/audit-entries")).status).toBe(401);
});

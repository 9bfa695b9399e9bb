import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { nodeStatusStream } from "@fluxo/contracts/channels/node-status";
import { openOutage } from "@fluxo/prisma/breakers/outages";
import { createFileStore } from "@fluxo/prisma/files/file-store";
import { intake } from "@fluxo/prisma/executions/intake";
import { uuidV7 } from "@fluxo/prisma/ids";
import { claimTurns, isTurnOver } from "@fluxo/prisma/operations/turns";
import { systemClock } from "@fluxo/runtime/clock";
import { unpackTar } from "modern-tar";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { isOffBoardingRefusal } from "@fluxo/prisma/off-boarding/refusal";
import { rollUsage } from "@fluxo/prisma/usage/roll";
import type pg from "pg";
import { PATIENCE_MS } from "@fluxo/test/support/eventually";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { manualGraph, webhookGraph } from "../../api/testing/graphs.ts";
import { PREFIX, startHarness, type Harness, type TestAgency, type TestTenant } from "../../api/testing/harness.ts";
import { claim, record, settle } from "../../api/testing/journey.ts";
import { eraseSignals } from "./erase-signals.ts";
import type { OperationWorker, OperationWorkerOptions } from "../operation-worker.ts";
import { workerOf } from "../testing/workers.ts";
import { OffBoardings } from "./off-boardings.ts";

const SECRET = "sk_live_that_nobody_may_see";

let api: Harness;
let agency: TestAgency;
const canceled: string[] = [];

beforeAll(async () => {
  api = await startHarness();
  agency = await api.createTestAgency("Northwind");
});
afterAll(() => api.stop());

function createWorker(rest: Partial<OperationWorkerOptions> = {}): OperationWorker {
  const work = new OffBoardings({ ...{ system: api.system, app: api.pool, logger: api.logger, partBytes: 600, eraseMax: 2 }, eraseSignals: (tenantId) => eraseSignals(api.redis, PREFIX, tenantId) });
  return workerOf(work, api.system, { logger: api.logger, publishCancel: ({ executionId }) => Promise.resolve(void canceled.push(executionId)), ...rest });
}

/** Turns until nothing is due. */
async function workAll(worker: OperationWorker = createWorker()): Promise<void> {
  do await rollUsage(api.system, 1_000);
  while ((await worker.tick()) > 0);
}

/** Turns until an off-boarding is so far. What holds it up for a moment (transactions of other tests, which keep usage from the sums) passes. */
async function workUntil(id: string, status: string): Promise<void> {
  for (let rounds = 0; (await read(id)).at("status") !== status; rounds += 1) {
    expect(rounds, JSON.stringify((await read(id)).at("waitsFor"))).toBeLessThan(200);
    await workAll();
    await systemClock.sleep(50);
  }
}

interface Full extends TestTenant {
  readonly hookToken: string;
  readonly triggerId: string;
  readonly runningId: string;
  readonly workflowId: string;
}

/** A tenant with something of everything that the API can make. */
async function createFullTenant(name: string): Promise<Full> {
  const tenant = await api.createTestTenant(agency, name);
  const { client } = tenant;
  await agency.client.patch(`/v1/tenants/${tenant.id}`, { externalId: `crm-${name}` });
  const credential = await client.post("/v1/credentials", { name: "Shop", kind: "bearer", fields: { hosts: ["api.example.com"], token: SECRET } });
  const manual = await client.post("/v1/workflows", { name: "Manual", graph: manualGraph });
  const workflowId = manual.text("id");
  await client.post(`/v1/workflows/${workflowId}/publish`);
  const hook = await client.post("/v1/workflows", { name: "Hook", graph: webhookGraph({ mode: "standard" }) });
  const published = await client.post(`/v1/workflows/${hook.text("id")}/publish`);
  await client.patch(`/v1/workflows/${workflowId}`, { errorWorkflowId: null });
  const start = async (): Promise<string> => (await client.post(`/v1/workflows/${workflowId}/executions`, { input: { note: `note of ${name}` } })).text("executionId");
  const [endedId, runningId] = [await start(), await start()];
  for (let more = 0; more < 5; more += 1) await start();
  await claim(api, tenant, endedId);
  await record(api, tenant, endedId, { nodeId: "start", position: 0, output: { note: name } });
  await settle(api, tenant, endedId, { status: "SUCCESS", output: { big: "x".repeat(100_000) } });
  await claim(api, tenant, runningId);
  await createFileStore(api.pool, uuidV7).save({ tenantId: tenant.id, executionId: endedId, nodeId: "make", item: 0 }, { name: "report.txt", mediaType: "text/plain", content: Buffer.from("report") });
  await openOutage(api.pool, { tenantId: tenant.id, id: uuidV7.next(), credentialId: credential.text("id"), host: null, integration: "http", nextProbeAt: new Date(), errorClass: "SERVER", code: "PROVIDER_FAILED" });
  await client.post(`/v1/executions/${endedId}/dry-rerun`, {});
  await client.post("/v1/bulk-operations", { kind: "cancel", name: "Stop", executionIds: [runningId], pacePerMinute: 1 });
  await api.redis.xadd(nodeStatusStream(tenant.id, endedId), "*", "event", "{}");
  await api.redis.set(`breakers:${tenant.id}:host:example.com`, "1");
  return { ...tenant, workflowId, runningId, triggerId: published.text("triggers", 0, "id"), hookToken: published.text("triggers", 0, "hookUrl").split("/").at(-1) ?? "" };
}

async function begin(tenant: TestTenant): Promise<string> {
  const begun = await agency.client.post(`/v1/tenants/${tenant.id}/off-boarding`);
  expect([begun.status, begun.at("status")]).toEqual([202, "STOPPING"]);
  expect(begun.headers.get("location")).toBe(`/v1/off-boardings/${begun.text("id")}`);
  return begun.text("id");
}

async function settleCanceled(tenant: Full): Promise<void> {
  await settle(api, tenant, tenant.runningId, { status: "CANCELED", output: {} });
}

const read = (id: string) => agency.client.get(`/v1/off-boardings/${id}`);

async function download(id: string): Promise<{ readonly bytes: Buffer; readonly response: Response }> {
  const response = await fetch(`${api.url}/v1/off-boardings/${id}/archive`, { headers: { authorization: `Bearer ${agency.key}` } });
  return { response, bytes: Buffer.from(await response.arrayBuffer()) };
}

const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

/** Rows of a tenant by table, as the owner of the tables sees them. */
async function rowsOf(tenantId: string): Promise<ReadonlyMap<string, number>> {
  const { rows: tables } = await api.owner.query<{ name: string; column: string }>("SELECT table_name AS name, fluxo_tenant_column(table_name) AS column FROM fluxo_tenant_tables()");
  const counts = new Map<string, number>();
  for (const { name, column } of tables) counts.set(name, (await api.owner.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${name} WHERE ${column} = $1`, [tenantId])).rows[0]?.n ?? -1);
  return counts;
}

/** The archive is what it says, holds every row, and no secret. @returns its bytes */
async function checkArchive(id: string, tenant: Full, before: ReadonlyMap<string, number>): Promise<Buffer> {
  const ready = await read(id);
  const { bytes, response } = await download(id);
  expect([response.status, response.headers.get("content-type"), bytes.byteLength]).toEqual([200, "application/gzip", ready.at("archive", "bytes")]);
  expect(sha256(bytes)).toBe(ready.at("archive", "sha256"));
  expect(response.headers.get("repr-digest")).toBe(`sha-256=:${createHash("sha256").update(bytes).digest("base64")}:`);
  const files = new Map((await unpackTar(gunzipSync(bytes))).map(({ header, data }) => [header.name, Buffer.from(data ?? []).toString("utf8")]));
  const contents = JSON.parse(files.get("contents.json") ?? "") as { files: { fileName: string; rows: number; sha256: string }[] };
  expect(contents.files.length).toBeGreaterThan(10);
  for (const file of contents.files) expect([file.fileName, sha256(files.get(file.fileName) ?? "")]).toEqual([file.fileName, file.sha256]);
  const archived = new Map<string, number>();
  for (const { fileName, rows } of contents.files) archived.set(fileName.split("/")[0] ?? "", (archived.get(fileName.split("/")[0] ?? "") ?? 0) + rows);
  const tables = ready.at("tables") as { name: string; note: string | null; rowsArchived: number }[];
  for (const { name, note, rowsArchived } of tables) {
    expect([name, rowsArchived]).toEqual([name, archived.get(name) ?? 0]);
    if (note === null) expect([name, rowsArchived]).toEqual([name, before.get(name)]);
  }
  expect(tables.map(({ name }) => name).toSorted()).toEqual([...before.keys()].toSorted());
  const text = [...files.values()].join("\n");
  const hidden = [SECRET, tenant.hookToken, tenant.key.slice(37), "Sibling"];
  expect(hidden.filter((word) => word === "" || text.includes(word))).toEqual([]);
  expect(["note of Bakery", "Shop", "secret_names", "report.txt", "trigger.webhook"].filter((word) => !text.includes(word))).toEqual([]);
  return bytes;
}

test("a tenant is stopped, archived and erased, table by table, and its sibling keeps everything", async () => {
  const tenant = await createFullTenant("Bakery");
  const sibling = await createFullTenant("Sibling");
  const siblingBefore = await rowsOf(sibling.id);
  const paused = await tenant.client.post("/v1/bulk-operations", { kind: "cancel", name: "Later", executionIds: [tenant.runningId], pacePerMinute: 1 });
  await tenant.client.post(`/v1/bulk-operations/${paused.text("id")}/pause`);
  const id = await begin(tenant);
  expect((await agency.client.get(`/v1/tenants/${tenant.id}`)).at("status")).toBe("OFFBOARDING");

  // What runs is asked to end; the archive waits for it.
  await workAll();
  expect(canceled).toContain(tenant.runningId);
  expect((await tenant.client.get("/v1/bulk-operations?fields=name,status")).at("data")).toEqual([{ name: "Later", status: "ABORTED" }, { name: "Stop", status: "ABORTED" }]);
  expect((await api.owner.query("SELECT status, error_code FROM dry_reruns WHERE tenant_id = $1", [tenant.id])).rows).toEqual([{ status: "FAILED", error_code: "TENANT_OFFBOARDING" }]);
  expect((await sibling.client.get("/v1/bulk-operations?fields=status")).at("data")).toEqual([{ status: "RUNNING" }]);
  expect((await read(id)).at("status")).toBe("STOPPING");
  expect((await tenant.client.get(`/v1/executions?status=QUEUED`)).at("data")).toEqual([]);
  await settleCanceled(tenant);
  await workUntil(id, "READY");
  const before = await rowsOf(tenant.id);
  expect(before.get("audit_entries")).toBeGreaterThan(10);

  const bytes = await checkArchive(id, tenant, before);

  // Two confirmations: the archive as it arrived, and the name.
  const erase = (body: object) => agency.client.post(`/v1/off-boardings/${id}/erasure`, body);
  const early = await erase({ tenantName: "Bakery" });
  expect([early.at("code"), early.at("detail")]).toEqual(["STATE_CONFLICT", "The off-boarding is READY: its archive is to be acknowledged."]);
  const wrong = await agency.client.post(`/v1/off-boardings/${id}/acknowledgement`, { archiveSha256: sha256("another file") });
  expect([wrong.status, wrong.at("issues", 0, "path")]).toEqual([400, "/body/archiveSha256"]);
  expect((await agency.client.post(`/v1/off-boardings/${id}/acknowledgement`, { archiveSha256: sha256(bytes) })).at("status")).toBe("ACKNOWLEDGED");
  const misnamed = await erase({ tenantName: "Sibling" });
  expect([misnamed.status, misnamed.at("issues", 0, "path")]).toEqual([400, "/body/tenantName"]);
  expect((await erase({ tenantName: "Bakery" })).at("status")).toBe("ERASING");
  expect((await agency.client.post(`/v1/off-boardings/${id}/abort`)).at("code")).toBe("STATE_CONFLICT");

  await workAll();
  const certificate = await read(id);
  expect(certificate.body).toMatchObject({ status: "ERASED", tenantId: tenant.id, requestedBy: { kind: "apiKey", id: agency.keyId }, erasure: { requestedBy: { id: agency.keyId }, externalIdHash: sha256("crm-Bakery"), redisKeysDeleted: expect.any(Number) } });
  // The channel and the breaker, and whatever limits counted meanwhile: no key that names the tenant is left.
  expect(certificate.at("erasure", "redisKeysDeleted")).toBeGreaterThanOrEqual(2);
  const erased = certificate.at("tables") as { name: string; rowsBefore: number; rowsDeleted: number; rowsLeft: number }[];
  for (const { name, rowsBefore, rowsDeleted, rowsLeft } of erased.filter((table) => table.name !== "tenants")) {
    const rows = before.get(name);
    if (name !== "audit_entries") expect({ name, rowsBefore, rowsDeleted, rowsLeft }).toEqual({ name, rowsBefore: rows, rowsDeleted: rows, rowsLeft: 0 });
  }
  expect(erased.at(-1)).toMatchObject({ name: "tenants", rowsBefore: 1, rowsDeleted: 1, rowsLeft: 0 });
  expect(erased.filter(({ rowsDeleted }) => rowsDeleted > 0).length).toBeGreaterThan(15);
  expect([...(await rowsOf(tenant.id))].filter(([, count]) => count > 0).map(([name]) => name)).toEqual(["audit_entries"]);
  // Of the audit log hashes stay, which nobody can read, and which hold the chain of the agency together.
  const { rows: audited } = await api.owner.query<{ n: number; told: number }>(
    "SELECT count(*)::int AS n, count(*) FILTER (WHERE num_nonnulls(before, after, actor_id, resource_id, ip, user_agent, request_id, salt) > 0)::int AS told FROM audit_entries WHERE tenant_id = $1",
    [tenant.id],
  );
  expect(audited.map(({ n, told }) => [n > 10, told])).toEqual([[true, 0]]);
  expect((await agency.client.get("/v1/audit-entries/verification")).body).toMatchObject({ isIntact: true, broken: null });
  expect(await api.redis.exists(nodeStatusStream(tenant.id, tenant.runningId), `breakers:${tenant.id}:host:example.com`)).toBe(0);
  expect((await download(id)).response.status).toBe(409);

  // Nothing leads to it any more; the sibling is as it was.
  await systemClock.sleep(1_050);
  expect((await tenant.client.get("/v1/workflows")).status).toBe(401);
  expect((await agency.client.forTenant(tenant.id).get("/v1/workflows")).status).toBe(404);
  expect((await agency.client.forTenant(tenant.id).post("/v1/workflows", { name: "New" })).status).toBe(404);
  // Its usage was added up meanwhile.
  const lasting = (rows: ReadonlyMap<string, number>) => [...rows].filter(([name]) => name !== "usage_hours" && name !== "usage_days");
  expect(lasting(await rowsOf(sibling.id))).toEqual(lasting(siblingBefore));
  expect(await api.redis.exists(`breakers:${sibling.id}:host:example.com`)).toBe(1);
  expect(JSON.stringify(certificate.body)).not.toContain("Bakery");
});

test("while a tenant is off-boarded nothing starts for it and nothing changes it; given up, it is suspended and whole", async () => {
  const tenant = await createFullTenant("Garage");
  const id = await begin(tenant);
  await systemClock.sleep(1_050);
  for (const refused of [
    await tenant.client.post("/v1/workflows", { name: "New" }),
    await agency.client.forTenant(tenant.id).post(`/v1/workflows/${tenant.workflowId}/executions`, { input: {} }),
    await agency.client.patch(`/v1/tenants/${tenant.id}`, { status: "ACTIVE" }),
    await agency.client.put("/v1/tenants/by-external-id/crm-Garage", { name: "Garage", planId: "00000000-0000-7000-8000-000000000001" }),
    await agency.client.post(`/v1/tenants/${tenant.id}/off-boarding`),
  ]) {
    expect([refused.status, refused.at("code")]).toEqual([409, "TENANT_OFFBOARDING"]);
  }
  expect((await tenant.client.get("/v1/workflows")).at("data")).toHaveLength(2);
  const [late] = await intake(api.pool, [{ tenantId: tenant.id, triggerId: tenant.triggerId, occurrenceKey: "late", executionId: uuidV7.next(), input: {}, payloadId: uuidV7.next(), occurredAt: new Date() }]);
  expect(late?.outcome).toBe("gone");
  expect((await api.pool.query("SELECT * FROM fluxo_resolve_hook($1)", [tenant.hookToken])).rows).toEqual([]);

  await workAll();
  await settleCanceled(tenant);
  await workUntil(id, "READY");
  const aborted = await agency.client.post(`/v1/off-boardings/${id}/abort`);
  expect([aborted.status, aborted.at("status"), aborted.at("archive")]).toEqual([200, "ABORTED", null]);
  expect((await api.owner.query("SELECT FROM archive_parts WHERE off_boarding_id = $1", [id])).rowCount).toBe(0);
  expect((await agency.client.get(`/v1/tenants/${tenant.id}`)).at("status")).toBe("SUSPENDED");
  expect((await agency.client.patch(`/v1/tenants/${tenant.id}`, { status: "ACTIVE" })).status).toBe(200);
  expect((await api.pool.query("SELECT * FROM fluxo_resolve_hook($1)", [tenant.hookToken])).rows).toHaveLength(1);
  await systemClock.sleep(1_050);
  expect((await tenant.client.post("/v1/workflows", { name: "New" })).status).toBe(201);
  expect((await agency.client.post(`/v1/tenants/${tenant.id}/off-boarding`)).status).toBe(202);
});

test("a worker that dies anywhere costs nothing: others go on, and the archive is the same", async () => {
  const tenant = await createFullTenant("Florist");
  const id = await begin(tenant);
  await workAll();
  await settleCanceled(tenant);
  for (let rounds = 0; (await read(id)).at("status") === "STOPPING"; rounds += 1) {
    expect(rounds).toBeLessThan(400);
    await rollUsage(api.system, 1_000);
    await createWorker().tick();
    await systemClock.sleep(25);
  }
  // Each worker has one turn and is never heard of again; its lease ends at once.
  const dying = (): Promise<number> => createWorker({ leaseMs: 20_000 }).tick();
  for (let turns = 0; (await read(id)).at("status") !== "READY"; turns += 1) {
    expect(turns).toBeLessThan(200);
    await Promise.all([dying(), dying()]);
  }
  const ready = await read(id);
  const { bytes } = await download(id);
  expect(sha256(bytes)).toBe(ready.at("archive", "sha256"));
  const names = (await unpackTar(gunzipSync(bytes))).map(({ header }) => header.name);
  expect(new Set(names).size).toBe(names.length);
  await agency.client.post(`/v1/off-boardings/${id}/acknowledgement`, { archiveSha256: sha256(bytes) });
  await agency.client.post(`/v1/off-boardings/${id}/erasure`, { tenantName: "Florist" });

  // A worker that was paused past its lease writes nothing.
  const [turn] = await claimTurns(api.system, "off_boarding", "paused", 1, 10);
  await systemClock.sleep(20);
  await expect(api.system.query("SELECT * FROM fluxo_erase_step($1, $2, $3, 10)", [agency.id, id, turn?.epoch])).rejects.toSatisfy(isTurnOver);
  await Promise.all([workAll(), workAll()]);
  expect((await read(id)).at("status")).toBe("ERASED");
});

test("an erasure first destroys the data keys", async () => {
  const tenant = await api.createTestTenant(agency, "Keys");
  await tenant.client.post("/v1/credentials", { name: "Shop", kind: "bearer", fields: { hosts: ["api.example.com"], token: SECRET } });
  const id = await begin(tenant);
  await workUntil(id, "READY");
  const archive = await read(id);
  await agency.client.post(`/v1/off-boardings/${id}/acknowledgement`, { archiveSha256: archive.text("archive", "sha256") });
  await agency.client.post(`/v1/off-boardings/${id}/erasure`, { tenantName: "Keys" });
  while ((await read(id)).at("erasure", "keysDestroyedAt") === null) await createWorker().tick();
  const { rows } = await api.owner.query<{ wrapped: Buffer; sealed: number }>("SELECT k.wrapped, (SELECT count(*)::int FROM credentials c WHERE c.tenant_id = k.tenant_id) AS sealed FROM tenant_keys k WHERE k.tenant_id = $1", [tenant.id]);
  expect(rows.map(({ wrapped, sealed }) => [wrapped.byteLength, sealed])).toEqual([[0, 1]]);
  await workAll();
  expect((await read(id)).at("status")).toBe("ERASED");
});

test("a table with a tenant that nobody covered stops every off-boarding by its name, before anything is deleted", async () => {
  const tenant = await createFullTenant("Forgotten");
  const before = await rowsOf(tenant.id);
  const id = await begin(tenant);
  await api.owner.query("CREATE TABLE forgotten_notes (tenant_id uuid NOT NULL REFERENCES tenants (id), id uuid NOT NULL, note text, PRIMARY KEY (tenant_id, id))");
  try {
    await settleCanceled(tenant).catch(() => undefined);
    await workAll();
    await settleCanceled(tenant);
    await vi.waitFor(async () => {
      await workAll();
      expect(api.logLines.join("\n")).toContain("tables that the eraser does not cover: forgotten_notes");
    }, { timeout: PATIENCE_MS, interval: 50 });
    expect((await read(id)).at("status")).toBe("STOPPING");
    expect(api.logLines.join("\n")).toContain("tables that the eraser does not cover: forgotten_notes");
    expect((await rowsOf(tenant.id)).get("executions")).toBe(before.get("executions"));
  } finally {
    await api.owner.query("DROP TABLE forgotten_notes");
  }
});

/** The lines of one table in the archive. */
async function archivedLines(id: string, tableName: string): Promise<string> {
  const files = await unpackTar(gunzipSync((await download(id)).bytes));
  return files.filter(({ header }) => header.name.startsWith(`${tableName}/`)).map(({ data }) => Buffer.from(data ?? []).toString("utf8")).join("\n");
}

const insertOccurrence = "INSERT INTO occurrences (tenant_id, trigger_id, occurrence_key, reason, occurred_at) VALUES ($1, $2, $3, 'FILTERED', now())";
const statusRead = "SELECT status FROM tenants WHERE id = $1";

test("what began before the off-boarding is waited for, whether it has written yet or not, and is in the archive", async () => {
  const tenant = await createFullTenant("Late");
  const begun = async (): Promise<pg.PoolClient> => {
    const client = await api.pool.connect();
    await client.query("BEGIN");
    await client.query("SELECT set_config('app.tenant_id', $1, true)", [tenant.id]);
    expect((await client.query(statusRead, [tenant.id])).rows).toEqual([{ status: "ACTIVE" }]);
    return client;
  };
  const [writer, reader] = [await begun(), await begun()];
  await writer.query(insertOccurrence, [tenant.id, tenant.triggerId, "written before"]);
  const id = await begin(tenant);
  await workAll();
  await settleCanceled(tenant);
  const worked = async () => (await workAll(), (await read(id)).body);
  await expect.poll(worked).toMatchObject({ status: "STOPPING", waitsFor: { what: "TRANSACTIONS", count: 2, since: expect.any(String) } });
  await writer.query("COMMIT");
  writer.release();
  await expect.poll(worked).toMatchObject({ status: "STOPPING", waitsFor: { what: "TRANSACTIONS", count: 1 } });
  // It saw the tenant active, and writes now only.
  await reader.query(insertOccurrence, [tenant.id, tenant.triggerId, "written after"]);
  await reader.query("COMMIT");
  reader.release();
  await workUntil(id, "READY");
  expect((await read(id)).at("waitsFor")).toBeNull();
  const archived = await archivedLines(id, "occurrences");
  expect([archived.includes("written before"), archived.includes("written after")]).toEqual([true, true]);
});

test("nothing is erased that is not in the archive: a row that came all the same makes another archive", async () => {
  const tenant = await api.createTestTenant(agency, "Stray");
  const { triggerId } = { triggerId: (await tenant.client.post(`/v1/workflows/${(await tenant.client.post("/v1/workflows", { name: "Manual", graph: manualGraph })).text("id")}/publish`)).text("triggers", 0, "id") };
  const id = await begin(tenant);
  const confirm = async (): Promise<void> => {
    await workUntil(id, "READY");
    await agency.client.post(`/v1/off-boardings/${id}/acknowledgement`, { archiveSha256: (await read(id)).text("archive", "sha256") });
    expect((await agency.client.post(`/v1/off-boardings/${id}/erasure`, { tenantName: "Stray" })).at("status")).toBe("ERASING");
  };
  await workUntil(id, "READY");
  // A writer that does not look at the tenant.
  await api.owner.query("BEGIN");
  await api.owner.query("SET LOCAL ROLE fluxo_app");
  await api.owner.query("SELECT set_config('app.tenant_id', $1, true)", [tenant.id]);
  await api.owner.query(insertOccurrence, [tenant.id, triggerId, "stray"]);
  await api.owner.query("COMMIT");
  await confirm();
  await workUntil(id, "READY");
  expect((await read(id)).body).toMatchObject({ archivesDiscarded: 1, acknowledgement: null, erasure: null });
  expect(await archivedLines(id, "occurrences")).toContain("stray");
  expect((await api.owner.query("SELECT octet_length(wrapped) AS bytes FROM tenant_keys WHERE tenant_id = $1", [tenant.id])).rows.every(({ bytes }) => bytes > 0)).toBe(true);
  await confirm();
  await workUntil(id, "ERASED");
  const tables = (await read(id)).at("tables") as { name: string; note: string | null; rowsArchived: number; rowsDeleted: number }[];
  expect(tables.filter(({ name, note, rowsArchived, rowsDeleted }) => note === null && name !== "tenants" && rowsDeleted > rowsArchived)).toEqual([]);
});

test("later ones see it, whoever they are: new rows are refused by the database itself, and requests that were let in before by theirs", async () => {
  const tenant = await createFullTenant("Refused");
  const id = await begin(tenant);
  const scoped = (work: (db: ScopedDb) => Promise<unknown>) => api.tenantDb.withTenant(tenant.id, work);
  await expect(scoped((db) => db.$executeRaw`INSERT INTO workflows (tenant_id, id, name, draft) VALUES (${tenant.id}::uuid, gen_random_uuid(), 'New', '{}')`)).rejects.toSatisfy((error) => isOffBoardingRefusal(error));
  const key = await agency.client.post(`/v1/tenants/${tenant.id}/api-keys`, { name: "Late", scopes: ["workflows:read"] });
  expect([key.status, key.at("code")]).toEqual([409, "TENANT_OFFBOARDING"]);
  const context = { agencyId: agency.id, tenantId: tenant.id, actorKind: "apiKey", actorId: tenant.keyId, action: "createWorkflow", ip: null, userAgent: null, requestId: null };
  const { rows } = await api.pool.query("SELECT outcome FROM fluxo_request($1, $2, NULL, NULL)", [JSON.stringify(context), tenant.keyId]);
  expect(rows).toEqual([{ outcome: "OFFBOARDING" }]);
  await workAll();
  await settleCanceled(tenant);
  const [rerun] = (await api.pool.query("SELECT outcome, code FROM fluxo_rerun($1, $2)", [tenant.id, JSON.stringify({ executionId: tenant.runningId, newId: uuidV7.next(), payloadId: uuidV7.next(), from: "start", version: "same", occurrenceKey: "rerun:late", fingerprint: "f" })])).rows;
  expect(rerun).toEqual({ outcome: "refused", code: "TENANT_OFFBOARDING" });
  expect((await api.owner.query("SELECT FROM trigger_states WHERE tenant_id = $1 AND (claimable_at IS NOT NULL OR lease_owner IS NOT NULL)", [tenant.id])).rowCount).toBe(0);
  await workUntil(id, "READY");
});

test("a tenant that is not being off-boarded is neither archived nor erased, whatever its off-boarding says", async () => {
  const tenant = await api.createTestTenant(agency, "Alive");
  const id = await begin(tenant);
  await workUntil(id, "READY");
  await agency.client.post(`/v1/off-boardings/${id}/acknowledgement`, { archiveSha256: (await read(id)).text("archive", "sha256") });
  await agency.client.post(`/v1/off-boardings/${id}/erasure`, { tenantName: "Alive" });
  const [turn] = await claimTurns(api.system, "off_boarding", "here", 60_000, 10);
  await api.owner.query("UPDATE tenants SET status = 'ACTIVE' WHERE id = $1", [tenant.id]);
  const erase = () => api.system.query("SELECT * FROM fluxo_erase_step($1, $2, $3, 10)", [agency.id, id, turn?.epoch]);
  await expect(erase()).rejects.toMatchObject({ code: "FX011" });
  await api.owner.query("UPDATE tenants SET status = 'OFFBOARDING' WHERE id = $1", [tenant.id]);
  await expect(erase()).resolves.toBeDefined();
});

test("off-boardings are the agency's own", async () => {
  const tenant = await api.createTestTenant(agency, "Own");
  const stranger = await api.createTestAgency("Contoso");
  const id = await begin(tenant);
  for (const refused of [
    await stranger.client.post(`/v1/tenants/${tenant.id}/off-boarding`),
    await stranger.client.get(`/v1/off-boardings/${id}`),
    await stranger.client.get(`/v1/off-boardings/${id}/archive`),
    await stranger.client.post(`/v1/off-boardings/${id}/acknowledgement`, { archiveSha256: sha256("x") }),
    await stranger.client.post(`/v1/off-boardings/${id}/erasure`, { tenantName: "Own" }),
    await stranger.client.post(`/v1/off-boardings/${id}/abort`),
  ]) {
    expect([refused.status, refused.at("code")]).toEqual([404, "NOT_FOUND"]);
  }
  expect((await stranger.client.get("/v1/off-boardings")).at("data")).toEqual([]);
  expect((await agency.client.get(`/v1/off-boardings?tenantId=${tenant.id}`)).at("data", 0, "id")).toBe(id);
  expect((await tenant.client.get("/v1/off-boardings")).status).toBe(403);
});

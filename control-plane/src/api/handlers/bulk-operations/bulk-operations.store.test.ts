import { uuidV7 } from "@fluxo/prisma/ids";
import { createLogger } from "@fluxo/runtime/logger";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bulkOperations } from "../../../operations/bulk-operations.ts";
import type { OperationWorker } from "../../../operations/operation-worker.ts";
import { workerOf } from "../../../operations/testing/workers.ts";
import { manualGraph } from "../../testing/graphs.ts";
import { startHarness, type Harness, type TestAgency, type TestTenant } from "../../testing/harness.ts";
import { claim, settle } from "../../testing/journey.ts";

let api: Harness;
let agency: TestAgency;
let worker: OperationWorker;

beforeAll(async () => {
  api = await startHarness();
  agency = await api.createTestAgency("Northwind");
  const logger = createLogger({ service: "test", level: "fatal" });
  worker = workerOf(bulkOperations({ app: api.pool, ids: uuidV7, logger }), api.system);
});
afterAll(() => api.stop());

/** A tenant with so many executions, the first two of which succeeded. */
async function tenantWith(name: string, count: number): Promise<{ tenant: TestTenant; workflowId: string; ids: string[] }> {
  const tenant = await api.createTestTenant(agency, name);
  const workflowId = (await tenant.client.post("/v1/workflows", { name: "W", graph: manualGraph })).text("id");
  await tenant.client.post(`/v1/workflows/${workflowId}/publish`);
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) ids.push((await tenant.client.post(`/v1/workflows/${workflowId}/executions`, { input: { index } })).text("executionId"));
  for (const id of ids.slice(0, 2)) {
    await claim(api, tenant, id);
    await settle(api, tenant, id, { status: "SUCCESS", output: {} });
  }
  return { tenant, workflowId, ids };
}

test("cancels by filter in the background and tells its progress", async () => {
  const { tenant, workflowId } = await tenantWith("Cancel", 5);
  const body = { kind: "cancel", name: "Stop it", filter: { workflowId }, pacePerMinute: 6_000 };
  const preview = await tenant.client.post("/v1/bulk-operations", { ...body, dryRun: true });
  expect([preview.status, preview.body]).toEqual([200, { matched: 3 }]);
  const made = await tenant.client.post("/v1/bulk-operations", body);
  const path = `/v1/bulk-operations/${made.text("id")}`;
  expect([made.status, made.headers.get("location")]).toEqual([202, path]);
  expect(made.body).toMatchObject({ kind: "cancel", name: "Stop it", filter: { workflowId }, options: null, pacePerMinute: 6_000, status: "RUNNING", matched: 3, done: 0, createdBy: tenant.keyId });
  await expect.poll(async () => (await worker.tick(), (await tenant.client.get(path)).at("status"))).toBe("DONE");
  expect((await tenant.client.get(path)).body).toMatchObject({ done: 3, skipped: 0, failed: 0, reasons: {}, firstErrors: [] });
  expect((await tenant.client.get("/v1/executions?status=CANCELED")).at("data")).toHaveLength(3);
  expect((await tenant.client.get("/v1/executions?status=SUCCESS")).at("data")).toHaveLength(2);
});

test("reruns by ids and tells why some were left alone", async () => {
  const { tenant, ids } = await tenantWith("Rerun", 3);
  const unknown = uuidV7.next();
  const made = await tenant.client.post("/v1/bulk-operations", { kind: "rerun", name: "Again", executionIds: [...ids, unknown], options: { from: "start" }, pacePerMinute: 6_000 });
  expect(made.body).toMatchObject({ matched: 4, filter: null, options: { from: "start", version: "same" } });
  const path = `/v1/bulk-operations/${made.text("id")}`;
  await expect.poll(async () => (await worker.tick(), (await tenant.client.get(path)).at("status"))).toBe("DONE");
  expect((await tenant.client.get(path)).body).toMatchObject({
    done: 2,
    skipped: 2,
    reasons: { NOT_FOUND: 1, STATE_CONFLICT: 1 },
    firstErrors: [{ executionId: ids[2], status: "SKIPPED", code: "STATE_CONFLICT" }, { executionId: unknown, code: "NOT_FOUND" }],
  });
  expect((await tenant.client.get(`/v1/executions?rerunOf=${ids[0] ?? ""}`)).at("data")).toHaveLength(1);
});

test("is paused, resumed and aborted; what is final stays so", async () => {
  const { tenant, workflowId } = await tenantWith("Abort", 6);
  const made = await tenant.client.post("/v1/bulk-operations", { kind: "cancel", name: "Slow", filter: { workflowId, status: ["QUEUED"] }, pacePerMinute: 1 });
  const path = `/v1/bulk-operations/${made.text("id")}`;
  expect(made.at("filter")).toEqual({ workflowId, status: ["QUEUED"] });
  expect((await tenant.client.post(`${path}/pause`)).at("status")).toBe("PAUSED");
  expect((await tenant.client.post(`${path}/pause`)).at("status")).toBe("PAUSED");
  await worker.tick();
  expect((await tenant.client.get(path)).at("done")).toBe(0);
  expect((await tenant.client.post(`${path}/resume`)).at("status")).toBe("RUNNING");
  await worker.tick();
  await worker.tick();
  expect((await tenant.client.get(path)).at("done")).toBe(1);
  const aborted = await tenant.client.post(`${path}/abort`);
  expect([aborted.status, aborted.at("status"), aborted.at("done")]).toEqual([200, "ABORTED", 1]);
  expect((await tenant.client.post(`${path}/abort`)).status).toBe(200);
  const late = await tenant.client.post(`${path}/resume`);
  expect([late.status, late.at("code"), late.text("detail")]).toEqual([409, "STATE_CONFLICT", "The bulk operation is ABORTED."]);
  expect((await tenant.client.get("/v1/bulk-operations?status=ABORTED")).at("data")).toHaveLength(1);
  expect((await tenant.client.get("/v1/bulk-operations?status=DONE&status=RUNNING")).at("data")).toHaveLength(0);
});

test("one whose turns fail says that it is parked; resumed, it is due at once", async () => {
  const { tenant, workflowId } = await tenantWith("Parked", 3);
  const made = await tenant.client.post("/v1/bulk-operations", { kind: "cancel", name: "Stuck", filter: { workflowId, status: ["QUEUED"] }, pacePerMinute: 6_000 });
  const path = `/v1/bulk-operations/${made.text("id")}`;
  expect(made.at("isParked")).toBe(false);
  await api.owner.query("UPDATE bulk_operations SET attempts = 10, next_at = clock_timestamp() + interval '1 hour' WHERE id = $1", [made.text("id")]);
  expect((await tenant.client.get(path)).body).toMatchObject({ status: "RUNNING", isParked: true });
  expect(await worker.tick()).toBe(0);
  await tenant.client.post(`${path}/pause`);
  expect((await tenant.client.post(`${path}/resume`)).body).toMatchObject({ status: "RUNNING", isParked: false });
  await expect.poll(async () => worker.tick()).toBe(1);
});

test("a repeat with the same key is the first operation; other tenants see nothing of it", async () => {
  const { tenant, workflowId } = await tenantWith("Key", 3);
  const body = { kind: "cancel", name: "Once", filter: { workflowId } };
  const key = { "idempotency-key": "bulk-1" };
  const answers = await Promise.all(Array.from({ length: 5 }, () => tenant.client.post("/v1/bulk-operations", body, key)));
  expect(answers.every(({ status }) => status === 202)).toBe(true);
  expect(new Set(answers.map((answer) => answer.text("id"))).size).toBe(1);
  const other = await tenant.client.post("/v1/bulk-operations", { ...body, name: "Twice" }, key);
  expect([other.status, other.at("code")]).toEqual([422, "IDEMPOTENCY_KEY_REUSED"]);
  const stranger = await api.createTestTenant(agency, "Bulk stranger");
  const path = `/v1/bulk-operations/${answers[0]?.text("id") ?? ""}`;
  expect((await stranger.client.get(path)).status).toBe(404);
  expect((await stranger.client.post(`${path}/abort`)).status).toBe(404);
  expect((await stranger.client.get("/v1/bulk-operations")).at("data")).toEqual([]);
});

test("refuses what makes no sense, and names the field", async () => {
  const { tenant, ids } = await tenantWith("Refused", 2);
  const base = { kind: "rerun", name: "N", filter: { status: ["FAILED"] }, options: { from: "start" } };
  for (const [body, at] of [
    [{ ...base, filter: {} }, "/body/filter"],
    [{ ...base, filter: undefined }, "/body/filter"],
    [{ ...base, executionIds: ids }, "/body/filter"],
    [{ ...base, options: undefined }, "/body/options"],
    [{ ...base, options: { from: "failedNode", version: "latest" } }, "/body/options/version"],
    [{ ...base, kind: "cancel" }, "/body/options"],
    [{ ...base, pacePerMinute: 0 }, "/body/pacePerMinute"],
    [{ ...base, name: " " }, "/body/name"],
    [{ ...base, filter: { state: "FAILED" } }, "/body/filter/state"],
  ] as const) {
    const refused = await tenant.client.post("/v1/bulk-operations", body);
    expect([refused.status, refused.at("issues", 0, "path")]).toEqual([400, at]);
  }
});

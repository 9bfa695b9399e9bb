import { randomUUID } from "node:crypto";
import type { CancelMessage } from "@fluxo/contracts/channels/cancel";
import { createBulkOperation, type BulkCreated, type BulkRequest } from "@fluxo/prisma/executions/bulk";
import { claimExecutions } from "@fluxo/prisma/executions/claim";
import { settleExecutions, type Settlement } from "@fluxo/prisma/executions/settle";
import { uuidV7 } from "@fluxo/prisma/ids";
import { queueExecutions, seedWorkflow, type SeededWorkflow } from "@fluxo/prisma/testing/seed";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { createLogger } from "@fluxo/runtime/logger";
import { afterEach, expect, test } from "vitest";
import { bulkOperations } from "./bulk-operations.ts";
import type { OperationWorker } from "./operation-worker.ts";
import { workerOf } from "./testing/workers.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
const FAILED: Settlement = { status: "FAILED", output: {}, error: { code: "NODE_INTERNAL", message: "Failed.", stack: null, nodeId: "start" } };
const logger = createLogger({ service: "test", level: "fatal" });

const { owner, app, system } = await useTestDatabase();

// Workers see the operations of all tenants.
afterEach(() => owner.query("DELETE FROM bulk_operations"));

const told: CancelMessage[] = [];
const publishCancel = (message: CancelMessage): Promise<void> => Promise.resolve(void told.push(message));
const createWorker = ({ batchMax = 50, roundMax = 20 } = {}): OperationWorker => workerOf(bulkOperations({ app, ids: uuidV7, logger, batchMax }), system, { roundMax, publishCancel });

function create(workflow: SeededWorkflow, rest: Partial<BulkRequest> & Pick<BulkRequest, "kind">): Promise<BulkCreated> {
  return createBulkOperation(app, {
    ...{ tenantId: workflow.tenantId, id: uuidV7.next(), name: "Test", filter: { workflowId: workflow.workflowId }, pacePerMinute: 6_000, idempotencyKey: null, fingerprint: "f", createdBy: randomUUID() },
    ...{ options: rest.kind === "rerun" ? { from: "start", version: "same" } : {} },
    ...rest,
  });
}

async function idOf(created: Promise<BulkCreated>): Promise<string> {
  const result = await created;
  if (result.outcome !== "created") throw new Error(result.outcome);
  return result.id;
}

async function settleAs(workflow: SeededWorkflow, ids: readonly string[], settlement: Settlement): Promise<void> {
  const { claimed } = await claimExecutions(app, { tenantId: workflow.tenantId, executionIds: ids, owner: "test", leaseMs: 60_000, nodeTiers: {}, keepStarved: "never" });
  await settleExecutions(app, claimed.map(({ executionId, epoch }) => ({ tenantId: workflow.tenantId, executionId, epoch, payloadId: uuidV7.next(), settlement })));
}

async function operation(id: string) {
  const { rows } = await owner.query("SELECT *, (SELECT json_object_agg(code, n) FROM (SELECT code, count(*) AS n FROM bulk_operation_items WHERE operation_id = b.id AND code IS NOT NULL GROUP BY 1) c) AS codes FROM bulk_operations b WHERE id = $1", [id]);
  return rows[0];
}

/** Moves the pace of every operation so far into the past. */
async function pass(ms: number): Promise<void> {
  await owner.query("UPDATE bulk_operations SET next_at = next_at - make_interval(secs => $1 / 1000.0), lease_until = lease_until - make_interval(secs => $1 / 1000.0)", [ms]);
}

async function countReruns(tenantId: string): Promise<{ reruns: number; originals: number }> {
  const { rows } = await owner.query("SELECT count(*)::int AS reruns, count(DISTINCT rerun_of)::int AS originals FROM executions WHERE tenant_id = $1 AND rerun_of IS NOT NULL", [tenantId]);
  return rows[0];
}

test("cancels by filter what has not ended and tells the workers, tells why it leaves alone what ended meanwhile, and ends", async () => {
  const workflow = await seedWorkflow(owner, GRAPH);
  const ids = await queueExecutions(app, workflow, Array.from({ length: 10 }, () => ({})));
  await settleAs(workflow, ids.slice(0, 2), { status: "SUCCESS", output: {} });
  const id = await idOf(create(workflow, { kind: "cancel" }));
  expect(await operation(id)).toMatchObject({ status: "RUNNING", matched: 8, done: 0 });
  await claimExecutions(app, { tenantId: workflow.tenantId, executionIds: ids.slice(2, 4), owner: "test", leaseMs: 60_000, nodeTiers: {}, keepStarved: "never" });
  await settleAs(workflow, ids.slice(4, 5), FAILED);
  const late = await queueExecutions(app, workflow, [{}]);
  await pass(10_000);
  await createWorker().tick();
  expect(told.toSorted((left, right) => (left.executionId < right.executionId ? -1 : 1))).toEqual(ids.slice(2, 4).map((executionId) => ({ version: 1, tenantId: workflow.tenantId, executionId })));
  expect(await operation(id)).toMatchObject({ status: "DONE", matched: 8, done: 7, skipped: 1, failed: 0, codes: { STATE_CONFLICT: 1 } });
  const { rows } = await owner.query("SELECT id, status, cancel_requested_at IS NOT NULL AS asked FROM executions WHERE tenant_id = $1 ORDER BY queued_at, id", [workflow.tenantId]);
  const statusOf = new Map(rows.map((row) => [row.id, [row.status, row.asked]]));
  expect(ids.slice(0, 5).map((execution) => statusOf.get(execution))).toEqual([["SUCCESS", false], ["SUCCESS", false], ["RUNNING", true], ["RUNNING", true], ["FAILED", false]]);
  expect(ids.slice(5).every((execution) => statusOf.get(execution)?.[0] === "CANCELED")).toBe(true);
  expect(statusOf.get(late[0] ?? "")).toEqual(["QUEUED", false]);
});

test("reruns each execution of the set once, by several workers at once", async () => {
  const workflow = await seedWorkflow(owner, GRAPH);
  const ids = await queueExecutions(app, workflow, Array.from({ length: 40 }, () => ({})));
  await settleAs(workflow, ids, FAILED);
  const id = await idOf(create(workflow, { kind: "rerun", options: { from: "failedNode", version: "same" } }));
  const workers = [createWorker({ batchMax: 7 }), createWorker({ batchMax: 5 }), createWorker({ batchMax: 3 })];
  for (let round = 0; round < 30 && (await operation(id)).status === "RUNNING"; round += 1) {
    await pass(1_000);
    await Promise.all(workers.map((worker) => worker.tick()));
  }
  expect(await operation(id)).toMatchObject({ status: "DONE", matched: 40, done: 40 });
  expect(await countReruns(workflow.tenantId)).toEqual({ reruns: 40, originals: 40 });
  const { rows } = await owner.query("SELECT count(*)::int AS n FROM bulk_operation_items i JOIN executions e ON e.id = i.result_id AND e.rerun_of = i.execution_id WHERE operation_id = $1", [id]);
  expect(rows[0].n).toBe(40);
});

test("keeps its pace: what was not used is saved up for a second, and skipped items use none", async () => {
  const workflow = await seedWorkflow(owner, GRAPH);
  const ids = await queueExecutions(app, workflow, Array.from({ length: 12 }, () => ({})));
  await settleAs(workflow, ids, FAILED);
  const id = await idOf(create(workflow, { kind: "rerun", pacePerMinute: 60 }));
  const worker = createWorker();
  expect([await worker.tick(), await worker.tick()]).toEqual([1, 0]);
  await pass(1_000);
  expect(await worker.tick()).toBe(1);
  await pass(3_600_000);
  expect(await worker.tick()).toBe(2);
  expect(await operation(id)).toMatchObject({ done: 4, status: "RUNNING" });
  const skipping = await idOf(create(workflow, { kind: "cancel", filter: { ids }, pacePerMinute: 60 }));
  await owner.query("UPDATE bulk_operations SET status = 'PAUSED' WHERE id = $1", [id]);
  for (let turn = 0; turn < 12; turn += 1) expect(await worker.tick()).toBe(1);
  expect(await operation(skipping)).toMatchObject({ status: "DONE", skipped: 12, codes: { STATE_CONFLICT: 12 } });
});

test("one tenant's flood does not starve another: each tenant has its turn in a round", async () => {
  const [loud, quiet] = [await seedWorkflow(owner, GRAPH), await seedWorkflow(owner, GRAPH)];
  for (const [workflow, count] of [[loud, 30], [quiet, 1]] as const) await settleAs(workflow, await queueExecutions(app, workflow, Array.from({ length: count }, () => ({}))), FAILED);
  const floods = await Promise.all(Array.from({ length: 5 }, () => idOf(create(loud, { kind: "rerun" }))));
  const small = await idOf(create(quiet, { kind: "rerun" }));
  await pass(10_000);
  const worker = createWorker({ batchMax: 4, roundMax: 2 });
  await worker.tick();
  expect(await operation(small)).toMatchObject({ status: "DONE", done: 1 });
  for (let round = 0; round < 4; round += 1) await worker.tick();
  const worked = await Promise.all(floods.map(async (id) => (await operation(id)).done));
  expect(worked.every((done) => done > 0)).toBe(true);
});

test("an item that the database refuses fails alone", async () => {
  const workflow = await seedWorkflow(owner, GRAPH);
  const ids = await queueExecutions(app, workflow, [{}, {}, {}]);
  await settleAs(workflow, ids, FAILED);
  const unknown = randomUUID();
  const id = await idOf(create(workflow, { kind: "rerun", filter: { ids: [...ids, unknown] } }));
  await owner.query(`CREATE FUNCTION refuse_one() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.rerun_of = '${ids[1] ?? ""}' THEN RAISE EXCEPTION 'no' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$`);
  await owner.query("CREATE TRIGGER refuse_one BEFORE INSERT ON executions FOR EACH ROW EXECUTE FUNCTION refuse_one()");
  await pass(10_000);
  await createWorker().tick();
  await owner.query("DROP TRIGGER refuse_one ON executions; DROP FUNCTION refuse_one");
  expect(await operation(id)).toMatchObject({ status: "DONE", matched: 4, done: 2, failed: 1, skipped: 1, codes: { INTERNAL: 1, NOT_FOUND: 1 } });
});

test("takes no more than allowed, nothing of another tenant, and one operation per idempotency key", async () => {
  const [workflow, other] = [await seedWorkflow(owner, GRAPH), await seedWorkflow(owner, GRAPH)];
  const [theirs] = await queueExecutions(app, other, [{}]);
  await queueExecutions(app, workflow, [{}, {}, {}]);
  const request: BulkRequest = { tenantId: workflow.tenantId, id: uuidV7.next(), kind: "cancel", name: "N", filter: { statuses: ["QUEUED"] }, options: {}, pacePerMinute: 60, idempotencyKey: "k", fingerprint: "f", createdBy: randomUUID() };
  expect(await createBulkOperation(app, request, 2)).toEqual({ outcome: "tooLarge" });
  expect((await owner.query("SELECT FROM bulk_operations")).rowCount).toBe(0);
  const results = await Promise.all(Array.from({ length: 5 }, () => createBulkOperation(app, { ...request, id: uuidV7.next() })));
  expect(results.map(({ outcome }) => outcome).toSorted()).toEqual(["created", "duplicate", "duplicate", "duplicate", "duplicate"]);
  expect(await createBulkOperation(app, { ...request, id: uuidV7.next(), fingerprint: "other" })).toMatchObject({ outcome: "conflict" });
  const foreign = await idOf(create(workflow, { kind: "cancel", filter: { ids: [theirs ?? ""] } }));
  await pass(10_000);
  const worker = createWorker();
  await worker.tick();
  await worker.tick();
  expect(await operation(foreign)).toMatchObject({ done: 0, skipped: 1, codes: { NOT_FOUND: 1 } });
  expect((await owner.query("SELECT status FROM executions WHERE id = $1", [theirs])).rows[0].status).toBe("QUEUED");
});

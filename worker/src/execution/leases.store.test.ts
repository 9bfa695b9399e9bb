import type { Clock } from "@fluxo/core/ports/clock";
import { createPool } from "@fluxo/prisma/database/pool";
import { recordNodes, type JournalRow } from "@fluxo/prisma/executions/journal";
import { extendLeases } from "@fluxo/prisma/executions/leases";
import { settleExecutions } from "@fluxo/prisma/executions/settle";
import { uuidV7 } from "@fluxo/prisma/ids";
import { queueExecutions, seedWorkflow, type SeededWorkflow } from "@fluxo/prisma/testing/seed";
import { claimOutbox } from "@fluxo/prisma/relay/outbox";
import { sweep } from "@fluxo/prisma/relay/sweep";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { systemClock } from "@fluxo/runtime/clock";
import { PATIENCE_MS } from "@fluxo/test/support/eventually";
import { startSink, type Sink } from "@fluxo/test/support/sink";
import type pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createPod, type Pod, type PodOptions } from "./testing/pod.ts";

const HOUR_MS = 3_600_000;
const SWEEP_MAX = 500;
/** Long enough for two calls on a busy machine. */
const ZOMBIE_LEASE_MS = 4_000;

const { database, owner, app, system } = await useTestDatabase();
let sink: Sink;

beforeAll(async () => {
  sink = await startSink();
});

afterAll(() => sink.stop());

// Relay and sweep see every tenant: what earlier tests left is not theirs.
beforeEach(async () => {
  await owner.query("DELETE FROM outbox");
});

/** A worker of its own owner name, as one pod would be. Its heartbeats begin with `leases.start()`. */
function createWorker(name: string, { pool = app, ...options }: Pick<PodOptions, "leaseMs" | "clock"> & { readonly pool?: pg.Pool } = {}): Pod {
  return createPod({ app: pool, system }, name, { ...options, privateHosts: [`127.0.0.1:${sink.port}`] });
}

/** A pod whose wall clock is wrong by so much. */
function skewedClock(byMs: number): Clock {
  return { now: () => new Date(Date.now() + byMs), sleep: (ms, signal) => systemClock.sleep(ms, signal) };
}

async function row(id: string): Promise<{ status: string; lease_epoch: number; lease_owner: string | null; leftMs: number | null; used: number }> {
  const { rows } = await owner.query(
    `SELECT e.status, e.lease_epoch, e.lease_owner, (extract(epoch FROM e.lease_until - clock_timestamp()) * 1000)::float AS "leftMs",
            (SELECT s.used FROM concurrency_slots s WHERE s.tenant_id = e.tenant_id) AS used
     FROM executions e WHERE e.id = $1`,
    [id],
  );
  return rows[0];
}

async function journal(id: string): Promise<[string, string, number][]> {
  const { rows } = await owner.query("SELECT node_id, status, epoch FROM node_executions WHERE execution_id = $1 ORDER BY position", [id]);
  return rows.map(({ node_id, status, epoch }) => [node_id, status, epoch]);
}

const expire = (id: string): Promise<unknown> => owner.query("UPDATE executions SET lease_until = clock_timestamp() - interval '1 ms' WHERE id = $1", [id]);
const post = (id: string, path: string) => ({ id, type: "http.request", params: { url: `${sink.url}${path}`, method: "POST" } }) as const;

async function queueCalls(...paths: readonly string[]): Promise<{ readonly workflow: SeededWorkflow; readonly id: string }> {
  const calls = paths.map((path, index) => post(`call${index}`, path));
  const ids = ["start", ...calls.map(({ id }) => id)];
  const workflow = await seedWorkflow(owner, { nodes: [{ id: "start", type: "trigger.manual" }, ...calls], edges: ids.slice(1).map((to, index) => ({ from: ids[index] ?? "", to })) });
  const [id = ""] = await queueExecutions(app, workflow, [{}]);
  return { workflow, id };
}

async function queueDelay(durationMs: number): Promise<{ readonly workflow: SeededWorkflow; readonly id: string }> {
  const nodes = [{ id: "start", type: "trigger.manual" }, { id: "pause", type: "delay", params: { durationMs } }, { id: "after", type: "set", params: { fields: { done: true } } }];
  const workflow = await seedWorkflow(owner, { nodes, edges: [{ from: "start", to: "pause" }, { from: "pause", to: "after" }] });
  const [id = ""] = await queueExecutions(app, workflow, [{}]);
  return { workflow, id };
}

describe("heartbeats", () => {
  test("keep an execution that takes longer than a lease: nobody may take it over", async () => {
    const { workflow, id } = await queueCalls("/gated/heartbeat");
    const { engine, leases } = createWorker("steady", { leaseMs: 4_000 });
    leases.start();
    const running = engine.claimAndRun(workflow.tenantId, [id]);
    await vi.waitFor(() => expect(sink.received("/gated/heartbeat")).toHaveLength(1), PATIENCE_MS);
    const { rows: [claimed] } = await owner.query("SELECT lease_until FROM executions WHERE id = $1", [id]);
    const isOver = async (): Promise<boolean> => (await owner.query("SELECT clock_timestamp() > $1 AS is_over", [claimed.lease_until])).rows[0].is_over;
    await expect.poll(isOver, { timeout: PATIENCE_MS }).toBe(true);
    expect(await createWorker("taker").engine.claimAndRun(workflow.tenantId, [id])).toMatchObject({ claimed: 0, skipped: 1 });
    expect(await sweep(system, 60_000, SWEEP_MAX)).toEqual(new Map());
    sink.open("/gated/heartbeat");
    await running;
    await leases.stop();
    expect(await row(id)).toMatchObject({ status: "SUCCESS", lease_epoch: 1, used: 0 });
    expect(sink.received("/gated/heartbeat")).toHaveLength(1);
  });

  test("tell a worker that another one has taken over: its node is aborted and nothing of it is written", async () => {
    const { workflow, id } = await queueCalls("/gated/heartbeat-lost");
    const { engine, leases } = createWorker("loser");
    const running = engine.claimAndRun(workflow.tenantId, [id]);
    await vi.waitFor(() => expect(sink.received("/gated/heartbeat-lost")).toHaveLength(1), PATIENCE_MS);
    await expire(id);
    const taken = createWorker("winner").engine.claimAndRun(workflow.tenantId, [id]);
    await vi.waitFor(async () => expect(await row(id)).toMatchObject({ lease_epoch: 2 }), PATIENCE_MS);
    await leases.tick();
    await running;
    expect(leases.size).toBe(0);
    expect(await row(id)).toMatchObject({ status: "RUNNING", lease_owner: "winner" });
    sink.open("/gated/heartbeat-lost");
    await taken;
    expect(await journal(id)).toEqual([["start", "SUCCESS", 1], ["call0", "SUCCESS", 2]]);
    expect(await row(id)).toMatchObject({ status: "SUCCESS", lease_epoch: 2, used: 0 });
  });

  test("leave leases that are too young for it: they cost a write for each", async () => {
    const { workflow, id } = await queueCalls("/gated/heartbeat-young");
    const { engine, leases } = createWorker("young");
    const running = engine.claimAndRun(workflow.tenantId, [id]);
    await vi.waitFor(() => expect(sink.received("/gated/heartbeat-young")).toHaveLength(1), PATIENCE_MS);
    const leaseUntil = async (): Promise<unknown> => (await owner.query("SELECT lease_until FROM executions WHERE id = $1", [id])).rows[0];
    const claimed = await leaseUntil();
    await leases.tick(30_000);
    expect(await leaseUntil()).toEqual(claimed);
    await leases.tick();
    expect(await leaseUntil()).not.toEqual(claimed);
    sink.open("/gated/heartbeat-young");
    await running;
  });

  test("that get no answer end the work when a lease has passed, not when the database gives up", async () => {
    const { workflow, id } = await queueCalls("/gated/heartbeat-blocked");
    const { engine, leases } = createWorker("blocked", { leaseMs: 3_000 });
    leases.start();
    const running = engine.claimAndRun(workflow.tenantId, [id]);
    await vi.waitFor(() => expect(sink.received("/gated/heartbeat-blocked")).toHaveLength(1), PATIENCE_MS);
    const locker = await owner.connect();
    try {
      await locker.query("BEGIN");
      await locker.query("SELECT FROM executions WHERE id = $1 FOR UPDATE", [id]);
      const begunMs = performance.now();
      await running;
      // The database gives a statement up after thirty seconds.
      expect(performance.now() - begunMs).toBeLessThan(15_000);
      expect(leases.size).toBe(0);
    } finally {
      await locker.query("ROLLBACK");
      locker.release();
    }
    await leases.stop();
    await owner.query("DELETE FROM executions WHERE id = $1", [id]);
  });
});

describe("a late writer", () => {
  test("is fenced from the lease, the journal and the settlement", async () => {
    const { workflow, id } = await queueCalls("/gated/fenced");
    const late = { tenantId: workflow.tenantId, executionId: id, epoch: 1 };
    const first = createWorker("late").engine.claimAndRun(workflow.tenantId, [id]);
    await vi.waitFor(() => expect(sink.received("/gated/fenced")).toHaveLength(1), PATIENCE_MS);
    await expire(id);
    const second = createWorker("next").engine.claimAndRun(workflow.tenantId, [id]);
    await vi.waitFor(async () => expect(await row(id)).toMatchObject({ lease_epoch: 2 }), PATIENCE_MS);

    expect(await extendLeases(system, "late", 60_000, [late])).toEqual(new Map());
    expect(await extendLeases(system, "next", 10_000, [late])).toEqual(new Map());
    const written: JournalRow = {
      ...late, nodeId: "call0", item: 0, position: 1, nodeType: "http.request", nodeName: "late", integration: null, status: "SUCCESS", attempt: 1, ports: ["main"], usage: null,
      output: { late: true }, payloadId: uuidV7.next(), failure: null, attempts: [], startedAt: null, completedAt: new Date(), resumeAt: null, reason: null,
    };
    expect(await recordNodes(app, [written])).toEqual(new Set([id]));
    expect(await settleExecutions(app, [{ ...late, payloadId: uuidV7.next(), settlement: { status: "SUCCESS", output: null } }])).toEqual(new Set());
    expect(await row(id)).toMatchObject({ status: "RUNNING", lease_owner: "next" });

    sink.open("/gated/fenced");
    await Promise.all([first, second]);
    expect(await journal(id)).toEqual([["start", "SUCCESS", 1], ["call0", "SUCCESS", 2]]);
    expect(await row(id)).toMatchObject({ status: "SUCCESS", lease_epoch: 2, used: 0 });
  });

  test("does not start the next node: it was paused after a commit, and another worker has ended the execution meanwhile", async () => {
    const { workflow, id } = await queueCalls("/echo/zombie-first", "/echo/zombie-second");
    const resumed = Promise.withResolvers<undefined>();
    const pool = createPool({ connectionString: database.appUrl, applicationName: "test", max: 2, role: "fluxo_app" });
    const query = pool.query.bind(pool) as (given: { readonly name: string; readonly values: readonly unknown[] }) => Promise<unknown>;
    // As a pause of the process does it: the statement is committed, and its answer is read much later.
    Object.assign(pool, {
      query: async (given: Parameters<typeof query>[0]) => {
        const answer = await query(given);
        if (given.name === "fluxo_record" && String(given.values[0]).includes("call0")) await resumed.promise;
        return answer;
      },
    });
    const paused = createWorker("zombie", { leaseMs: ZOMBIE_LEASE_MS, pool }).engine.claimAndRun(workflow.tenantId, [id]);
    await vi.waitFor(async () => expect(await journal(id)).toContainEqual(["call0", "SUCCESS", 1]), PATIENCE_MS);
    // Its own measure of the lease has to be over too, and that is real time.
    await systemClock.sleep(ZOMBIE_LEASE_MS + 50);
    await createWorker("successor").engine.claimAndRun(workflow.tenantId, [id]);
    expect(await row(id)).toMatchObject({ status: "SUCCESS", lease_epoch: 2 });
    resumed.resolve(undefined);
    await paused;
    await pool.end();
    expect(sink.received("/echo/zombie-first")).toHaveLength(1);
    expect(sink.received("/echo/zombie-second")).toHaveLength(1);
  });
});

describe.each([["ahead", HOUR_MS], ["behind", -HOUR_MS]])("a pod whose clock is an hour %s", (name, byMs) => {
  test("holds its lease for as long as the database says, and no longer", async () => {
    const { workflow, id } = await queueCalls(`/gated/skew-${name}`);
    const skewed = createWorker(`skewed-${name}`, { clock: skewedClock(byMs) });
    const running = skewed.engine.claimAndRun(workflow.tenantId, [id]);
    await vi.waitFor(() => expect(sink.received(`/gated/skew-${name}`)).toHaveLength(1), PATIENCE_MS);
    await skewed.leases.tick();
    const { leftMs } = await row(id);
    expect(leftMs).toBeGreaterThan(40_000);
    expect(leftMs).toBeLessThanOrEqual(60_000);
    expect(skewed.leases.size).toBe(1);
    expect(await createWorker("right").engine.claimAndRun(workflow.tenantId, [id])).toMatchObject({ claimed: 0 });
    sink.open(`/gated/skew-${name}`);
    await running;
    expect(await row(id)).toMatchObject({ status: "SUCCESS", lease_epoch: 1, used: 0 });
  });

  test("takes over nothing that is still held", async () => {
    const { workflow, id } = await queueCalls(`/gated/held-${name}`);
    const running = createWorker("holder").engine.claimAndRun(workflow.tenantId, [id]);
    await vi.waitFor(() => expect(sink.received(`/gated/held-${name}`)).toHaveLength(1), PATIENCE_MS);
    expect(await createWorker(`greedy-${name}`, { clock: skewedClock(byMs) }).engine.claimAndRun(workflow.tenantId, [id])).toMatchObject({ claimed: 0, skipped: 1 });
    sink.open(`/gated/held-${name}`);
    await running;
    expect(await row(id)).toMatchObject({ status: "SUCCESS", lease_epoch: 1 });
  });

  test("resumes a delay when the database says that it is due, not before, and does not put it off again", async () => {
    const { workflow, id } = await queueDelay(3_600_000);
    await createWorker("suspender").engine.claimAndRun(workflow.tenantId, [id]);
    const { engine } = createWorker(`resumer-${name}`, { clock: skewedClock(byMs) });
    expect(await engine.claimAndRun(workflow.tenantId, [id])).toMatchObject({ claimed: 0, skipped: 1 });
    await passHour(id);
    expect(await engine.claimAndRun(workflow.tenantId, [id])).toMatchObject({ claimed: 1 });
    expect(await journal(id)).toEqual([["start", "SUCCESS", 1], ["pause", "SUCCESS", 2], ["after", "SUCCESS", 2]]);
    expect(await row(id)).toMatchObject({ status: "SUCCESS", used: 0 });
  });
});

/** As if an hour had passed for a waiting execution, by the only clock that counts. */
async function passHour(id: string): Promise<void> {
  await owner.query("UPDATE executions SET resume_at = resume_at - interval '1 hour' WHERE id = $1", [id]);
  await owner.query("UPDATE node_executions SET resume_at = resume_at - interval '1 hour' WHERE execution_id = $1", [id]);
}

test("wake-ups that come early, late, twice and after the end: the execution resumes once", async () => {
  const { workflow, id } = await queueDelay(3_600_000);
  const [one, two] = [createWorker("wake-1").engine, createWorker("wake-2").engine];
  const wake = (): Promise<number[]> => Promise.all([one, two, one, two].map(async (engine) => (await engine.claimAndRun(workflow.tenantId, [id])).claimed));
  expect((await wake()).reduce((sum, claimed) => sum + claimed)).toBe(1);
  expect(await row(id)).toMatchObject({ status: "WAITING", lease_epoch: 1, used: 0 });
  expect(await wake()).toEqual([0, 0, 0, 0]);
  await passHour(id);
  expect((await wake()).reduce((sum, claimed) => sum + claimed)).toBe(1);
  expect(await row(id)).toMatchObject({ status: "SUCCESS", lease_epoch: 2, used: 0 });
  expect(await wake()).toEqual([0, 0, 0, 0]);
  expect((await journal(id)).map(([, , epoch]) => epoch)).toEqual([1, 2, 2]);
});

describe("10,000 waiting executions", () => {
  const WAITING = 10_000;
  const DUE = 1_200;
  let workflow: SeededWorkflow;

  beforeAll(async () => {
    ({ workflow } = await queueDelay(HOUR_MS));
    await owner.query("DELETE FROM outbox");
    // As a settlement leaves them once the relay has handed their timers to Inngest.
    await owner.query(
      `WITH made AS (
         INSERT INTO executions (tenant_id, id, workflow_id, version_id, trigger_id, trigger_node_id, status, reason, concurrency_class, started_at, resume_at, lease_epoch, wake_count)
         SELECT $1, gen_random_uuid(), $2, $3, $4, 'start', 'WAITING', 'DELAY', 'large', now(), now() + interval '1 hour', 1, 1 FROM generate_series(1, $5::int) RETURNING id)
       INSERT INTO node_executions (tenant_id, execution_id, node_id, position, node_type, node_name, status, attempt, ports, output, started_at, completed_at, resume_at, reason, epoch)
       SELECT $1, id, n.node_id, n.position, n.node_type, n.node_id, n.status, 1, n.ports, n.output, now(), n.completed_at, n.resume_at, n.reason, 1
       FROM made CROSS JOIN (VALUES ('start', 0, 'trigger.manual', 'SUCCESS', ARRAY['main'], '{}'::jsonb, now(), NULL, NULL),
                                    ('pause', 1, 'delay', 'WAITING', ARRAY[]::text[], '{}'::jsonb, NULL, now() + interval '1 hour', 'DELAY')
                            ) AS n(node_id, position, node_type, status, ports, output, completed_at, resume_at, reason)`,
      [workflow.tenantId, workflow.workflowId, workflow.versionId, workflow.triggerId, WAITING],
    );
    await owner.query("ANALYZE executions");
  });

  const count = async (sql: string): Promise<number> => Number((await owner.query(`SELECT count(*) AS n FROM ${sql}`)).rows[0].n);
  const connections = (): Promise<number> => count("pg_stat_activity WHERE datname = current_database() AND usename LIKE 'fluxo_%'");

  test("cost no slot, no connection, no outbox row and no sweep", async () => {
    const before = await connections();
    expect(await count(`executions WHERE tenant_id = '${workflow.tenantId}' AND status = 'WAITING'`)).toBe(WAITING);
    const begunMs = performance.now();
    expect(await sweep(system, 10_000, SWEEP_MAX)).toEqual(new Map());
    expect(performance.now() - begunMs).toBeLessThan(3_000);
    expect(await claimOutbox(system, { owner: "relay", limit: 500, leaseMs: 1_000, outstandingMax: 200 })).toEqual([]);
    expect(await connections()).toBeLessThanOrEqual(before);
    expect(await count("outbox")).toBe(0);
    expect(await count(`concurrency_slots WHERE tenant_id = '${workflow.tenantId}' AND used > 0`)).toBe(0);
    expect(await count(`executions WHERE tenant_id = '${workflow.tenantId}' AND lease_until IS NOT NULL`)).toBe(0);
  });

  test("are woken when due, in bounded batches, each once, and the others stay", async () => {
    await owner.query(
      `WITH due AS (UPDATE executions SET resume_at = now() - interval '2 seconds' WHERE id IN (SELECT id FROM executions WHERE tenant_id = $1 AND status = 'WAITING' LIMIT $2) RETURNING id)
       UPDATE node_executions n SET resume_at = now() - interval '2 seconds' FROM due WHERE n.execution_id = due.id AND n.status = 'WAITING'`,
      [workflow.tenantId, DUE],
    );
    const batches: (number | undefined)[] = [];
    for (let time = 0; time < 4; time += 1) batches.push((await sweep(system, 60_000, SWEEP_MAX)).get("overdue"));
    expect(batches).toEqual([SWEEP_MAX, SWEEP_MAX, DUE - 2 * SWEEP_MAX, undefined]);
    expect(await count("outbox")).toBe(DUE);
    expect(await count("outbox WHERE deliver_at IS NOT NULL")).toBe(0);
    const entries = await claimOutbox(system, { owner: "relay", limit: 50, leaseMs: 10_000, outstandingMax: 200 });
    const ids = entries.map(({ executionId }) => executionId);
    expect(await createWorker("woken").engine.claimAndRun(workflow.tenantId, ids)).toMatchObject({ claimed: ids.length, starved: 0 });
    expect(await count(`executions WHERE tenant_id = '${workflow.tenantId}' AND status = 'SUCCESS'`)).toBe(ids.length);
    expect(await count(`executions WHERE tenant_id = '${workflow.tenantId}' AND status = 'WAITING'`)).toBe(WAITING - ids.length);
    expect(await count(`concurrency_slots WHERE tenant_id = '${workflow.tenantId}' AND used > 0`)).toBe(0);
  });
});

import type { JsonObject } from "@fluxo/core/json";
import { addPlan, PLAN, queueExecutions, seedWorkflow } from "@fluxo/prisma/testing/seed";
import { countQueries } from "@fluxo/prisma/testing/statements";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { PATIENCE_MS } from "@fluxo/test/support/eventually";
import { startSink, type Sink } from "@fluxo/test/support/sink";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createPod, type Pod } from "./testing/pod.ts";

const pools = await useTestDatabase();
const { owner, app } = pools;
let sink: Sink;
const asked = countQueries(app);
const announced: string[] = [];

beforeAll(async () => {
  sink = await startSink();
});

afterAll(() => sink.stop());

/** A worker of its own owner name, as one pod would be. */
function createWorker(name: string, leaseMs?: number): Pod {
  return createPod(pools, name, { ...(leaseMs === undefined ? {} : { leaseMs }), privateHosts: [`127.0.0.1:${sink.port}`], announce: (ids) => void announced.push(...ids) });
}

async function execution(id: string): Promise<{ status: string; reason: string | null; output: JsonObject | null; error_code: string | null; lease_epoch: number; resume_at: Date | null }> {
  const { rows } = await owner.query("SELECT status, reason, output, error_code, lease_epoch, resume_at FROM executions WHERE id = $1", [id]);
  return rows[0];
}

async function journal(id: string): Promise<{ node_id: string; status: string; attempt: number; epoch: number }[]> {
  const { rows } = await owner.query("SELECT node_id, status, attempt, epoch FROM node_executions WHERE execution_id = $1 ORDER BY position", [id]);
  return rows;
}

const chain = {
  nodes: [
    { id: "start", type: "trigger.manual" },
    { id: "a", type: "set", params: { fields: { n: "{{ trigger.n }}" } } },
    { id: "b", type: "set", params: { fields: { n: "{{ a.n }}" } } },
    { id: "c", type: "set", params: { fields: { n: "{{ b.n }}" } } },
    { id: "d", type: "set", alias: "last", params: { fields: { n: "{{ c.n }}" } } },
  ],
  edges: [
    { from: "start", to: "a" },
    { from: "a", to: "b" },
    { from: "b", to: "c" },
    { from: "c", to: "d" },
  ],
};

test("a chain runs to its end, in constant statements: claim, one per ready set, settle", async () => {
  const workflow = await seedWorkflow(owner, chain);
  const { engine } = createWorker("w1");
  const [warm, id] = (await queueExecutions(app, workflow, [{ n: 1 }, { n: 7 }])) as [string, string];
  await engine.claimAndRun(workflow.tenantId, [warm]);
  asked.count = 0;
  expect(await engine.claimAndRun(workflow.tenantId, [id])).toEqual({ claimed: 1, blocked: 0, parked: 0, skipped: 0, starved: 0 });
  expect(asked.count).toBe(1 + 5 + 1);
  expect(await execution(id)).toMatchObject({ status: "SUCCESS", output: { results: { last: { n: 7 } }, failures: [] }, lease_epoch: 1 });
  expect((await journal(id)).map(({ node_id, status }) => [node_id, status])).toEqual(["start", "a", "b", "c", "d"].map((nodeId) => [nodeId, "SUCCESS"]));
});

test("a batch costs one prepared statement each for admission, journal per ready set and settlement, however many executions it has; a known version costs none", async () => {
  const workflow = await seedWorkflow(owner, chain, await addPlan(owner, { executionsPerMonth: 1_000, concurrencyMax: 50 }));
  const { engine } = createWorker("w2");
  const perBatch = ["fluxo_claim", ...chain.nodes.map(() => "fluxo_record"), "fluxo_settle"];
  for (const expected of [perBatch.toSpliced(1, 0, "fluxo_version_graphs"), perBatch]) {
    const ids = await queueExecutions(app, workflow, Array.from({ length: 50 }, (_, n) => ({ n })));
    const names = await preparedDuring(() => engine.claimAndRun(workflow.tenantId, ids));
    expect(names).toEqual(expected);
    const { rows } = await owner.query("SELECT count(*)::int AS n FROM executions WHERE id = ANY ($1) AND status = 'SUCCESS'", [ids]);
    expect(rows[0].n).toBe(50);
  }
});

/** The names under which the statements are prepared that the workers send meanwhile; undefined for one that is not. */
async function preparedDuring(work: () => Promise<unknown>): Promise<(string | undefined)[]> {
  const spy = vi.spyOn(app, "query");
  try {
    await work();
    return spy.mock.calls.map(([statement]) => (statement as unknown as { readonly name?: string }).name);
  } finally {
    spy.mockRestore();
  }
}

test("a second starter is a no-op", async () => {
  const workflow = await seedWorkflow(owner, chain);
  const [id] = (await queueExecutions(app, workflow, [{ n: 1 }])) as [string];
  const reports = await Promise.all([createWorker("w3").engine, createWorker("w4").engine].map((engine) => engine.claimAndRun(workflow.tenantId, [id])));
  expect(reports.reduce((sum, { claimed }) => sum + claimed, 0)).toBe(1);
  expect(await execution(id)).toMatchObject({ status: "SUCCESS", lease_epoch: 1 });
});

test("more executions than slots: all of them run, never more at once than the plan allows, and the counter returns to zero", async () => {
  const graph = {
    nodes: [{ id: "start", type: "trigger.manual" }, { id: "call", type: "http.request", params: { url: `${sink.url}/slow/50/slots` } }],
    edges: [{ from: "start", to: "call" }],
  };
  const workflow = await seedWorkflow(owner, graph, PLAN.FREE);
  const { engine } = createWorker("w5");
  const ids = await queueExecutions(app, workflow, Array.from({ length: 8 }, () => ({})));
  expect(await engine.claimAndRun(workflow.tenantId, ids)).toEqual({ claimed: 8, blocked: 0, parked: 0, skipped: 0, starved: 0 });
  const { rows } = await owner.query<{ most: number; used: number }>(
    `SELECT (SELECT max(n) FROM (SELECT (SELECT count(*) FROM executions o WHERE o.tenant_id = e.tenant_id AND o.started_at <= e.started_at AND o.completed_at > e.started_at) AS n
       FROM executions e WHERE e.tenant_id = $1) x)::int AS most, (SELECT used FROM concurrency_slots WHERE tenant_id = $1) AS used`,
    [workflow.tenantId],
  );
  expect(rows[0]).toEqual({ most: 2, used: 0 });
});

test("a call with more executions than one claim takes runs all of them, slot by slot, and leaves none to be woken by others", async () => {
  const workflow = await seedWorkflow(owner, chain, await addPlan(owner, { executionsPerMonth: 1_000, concurrencyMax: 20 }));
  const { engine } = createWorker("w5b");
  const ids = await queueExecutions(app, workflow, Array.from({ length: 130 }, (_, n) => ({ n })));
  expect(await engine.claimAndRun(workflow.tenantId, ids)).toEqual({ claimed: 130, blocked: 0, parked: 0, skipped: 0, starved: 0 });
  const { rows } = await owner.query("SELECT status, count(*)::int, max(wake_count) AS woken FROM executions WHERE tenant_id = $1 GROUP BY status", [workflow.tenantId]);
  expect(rows).toEqual([{ status: "SUCCESS", count: 130, woken: 0 }]);
});

test("a call that finds every slot taken queues all of its executions, however many, for the next settle", async () => {
  const workflow = await seedWorkflow(owner, chain, await addPlan(owner, { executionsPerMonth: 1_000, concurrencyMax: 20 }));
  const { engine } = createWorker("w5c");
  const ids = await queueExecutions(app, workflow, Array.from({ length: 70 }, (_, n) => ({ n })));
  await owner.query("INSERT INTO concurrency_slots (tenant_id, used) VALUES ($1, 20)", [workflow.tenantId]);
  expect(await engine.claimAndRun(workflow.tenantId, ids)).toEqual({ claimed: 0, blocked: 0, parked: 0, skipped: 0, starved: 70 });
  const { rows } = await owner.query("SELECT count(*)::int FROM executions WHERE tenant_id = $1 AND starved_at IS NOT NULL", [workflow.tenantId]);
  expect(rows).toEqual([{ count: 70 }]);
});

/** As if an hour had passed for a waiting execution, by the only clock that counts. */
async function passHour(id: string): Promise<void> {
  await owner.query("UPDATE executions SET resume_at = resume_at - interval '1 hour' WHERE id = $1", [id]);
  await owner.query("UPDATE node_executions SET resume_at = resume_at - interval '1 hour' WHERE execution_id = $1", [id]);
}

test("a delay suspends, holds no slot, and resumes after its time and not before", async () => {
  const graph = {
    nodes: [{ id: "start", type: "trigger.manual" }, { id: "pause", type: "delay", params: { durationMs: 3_600_000 } }, { id: "after", type: "set", params: { fields: { at: "{{ pause.resumedAt }}" } } }],
    edges: [{ from: "start", to: "pause" }, { from: "pause", to: "after" }],
  };
  const workflow = await seedWorkflow(owner, graph);
  const { engine } = createWorker("w6");
  const [id] = (await queueExecutions(app, workflow, [{}])) as [string];
  await engine.claimAndRun(workflow.tenantId, [id]);
  expect(await execution(id)).toMatchObject({ status: "WAITING", reason: "DELAY" });
  const { rows } = await owner.query("SELECT used FROM concurrency_slots WHERE tenant_id = $1", [workflow.tenantId]);
  expect(rows[0].used).toBe(0);
  const timer = await owner.query("SELECT event_id, deliver_at FROM outbox WHERE execution_id = $1 AND deliver_at IS NOT NULL", [id]);
  expect(timer.rows).toEqual([{ event_id: `${id}:1`, deliver_at: (await execution(id)).resume_at }]);
  expect(await engine.claimAndRun(workflow.tenantId, [id])).toMatchObject({ claimed: 0, skipped: 1 });
  await passHour(id);
  expect(await Promise.all([engine.claimAndRun(workflow.tenantId, [id]), engine.claimAndRun(workflow.tenantId, [id])])).toHaveLength(2);
  expect(await execution(id)).toMatchObject({ status: "SUCCESS", lease_epoch: 2 });
  expect((await journal(id)).map(({ status }) => status)).toEqual(["SUCCESS", "SUCCESS", "SUCCESS"]);
});

test("an expired lease is taken over with a higher epoch; the late writer is fenced and nothing recorded runs again", async () => {
  const graph = {
    nodes: [
      { id: "start", type: "trigger.manual" },
      { id: "first", type: "http.request", params: { url: `${sink.url}/echo/takeover-first`, method: "POST" } },
      { id: "slow", type: "http.request", params: { url: `${sink.url}/gated/takeover-slow`, method: "POST" } },
    ],
    edges: [{ from: "start", to: "first" }, { from: "first", to: "slow" }],
  };
  const workflow = await seedWorkflow(owner, graph);
  const [id] = (await queueExecutions(app, workflow, [{}])) as [string];
  const paused = createWorker("paused").engine.claimAndRun(workflow.tenantId, [id]);
  await vi.waitFor(() => expect(sink.received("/gated/takeover-slow")).toHaveLength(1), PATIENCE_MS);
  await owner.query("UPDATE executions SET lease_until = now() - interval '1 second' WHERE id = $1", [id]);
  const taken = createWorker("taker").engine.claimAndRun(workflow.tenantId, [id]);
  await vi.waitFor(() => expect(sink.received("/gated/takeover-slow")).toHaveLength(2), PATIENCE_MS);
  sink.open("/gated/takeover-slow");
  expect(await taken).toMatchObject({ claimed: 1 });
  await paused;
  expect(await execution(id)).toMatchObject({ status: "SUCCESS", lease_epoch: 2 });
  expect((await journal(id)).map(({ node_id, epoch }) => [node_id, epoch])).toEqual([["start", 1], ["first", 1], ["slow", 2]]);
  expect(sink.received("/echo/takeover-first")).toHaveLength(1);
  const keys = sink.received("/gated/takeover-slow").map(({ headers }) => headers["idempotency-key"]);
  expect(new Set(keys)).toEqual(new Set([`${id}:slow:0`]));
  const { rows } = await owner.query("SELECT used FROM concurrency_slots WHERE tenant_id = $1", [workflow.tenantId]);
  expect(rows[0].used).toBe(0);
});

test("a failure tells node, class, code and attempt; parallel branches finish; what it cuts off is skipped", async () => {
  const graph = {
    nodes: [
      { id: "start", type: "trigger.manual" },
      { id: "bad", type: "http.request", name: "Call the shop", params: { url: `${sink.url}/status/404` } },
      { id: "after", type: "set", params: { fields: {} } },
      { id: "other", type: "http.request", params: { url: `${sink.url}/slow/100/other` } },
    ],
    edges: [{ from: "start", to: "bad" }, { from: "bad", to: "after" }, { from: "start", to: "other" }],
  };
  const workflow = await seedWorkflow(owner, graph);
  const [id] = (await queueExecutions(app, workflow, [{}])) as [string];
  await createWorker("w7").engine.claimAndRun(workflow.tenantId, [id]);
  const record = await execution(id);
  expect(record).toMatchObject({ status: "FAILED", error_code: "PROVIDER_REJECTED" });
  expect(record.output).toMatchObject({ failures: [{ nodeId: "bad", name: "Call the shop", type: "http.request", integration: "http", errorClass: "DATA", code: "PROVIDER_REJECTED", attempt: 1 }] });
  expect((await journal(id)).map(({ node_id, status }) => [node_id, status])).toEqual([["start", "SUCCESS"], ["bad", "FAILED"], ["other", "SUCCESS"], ["after", "SKIPPED"]]);
});

test("a server error is tried again and the earlier attempts stay on record", async () => {
  const graph = {
    nodes: [{ id: "start", type: "trigger.manual" }, { id: "flaky", type: "http.request", params: { url: `${sink.url}/flaky/2/retry` }, retry: { initialDelayMs: 10 } }],
    edges: [{ from: "start", to: "flaky" }],
  };
  const workflow = await seedWorkflow(owner, graph);
  const [id] = (await queueExecutions(app, workflow, [{}])) as [string];
  await createWorker("w8").engine.claimAndRun(workflow.tenantId, [id]);
  expect(await execution(id)).toMatchObject({ status: "SUCCESS" });
  const { rows } = await owner.query("SELECT attempt, attempts FROM node_executions WHERE execution_id = $1 AND node_id = 'flaky'", [id]);
  expect(rows[0].attempt).toBe(3);
  expect(rows[0].attempts.map(({ code, attempt }: { code: string; attempt: number }) => [code, attempt])).toEqual([["PROVIDER_FAILED", 1], ["PROVIDER_FAILED", 2]]);
});

test("an act that must not be repeated is not: neither after a time-out, nor after a worker died with it in work", async () => {
  const graphOf = (path: string, timeoutMs: number) => {
    const params = { url: `${sink.url}${path}`, method: "POST", onUncertain: "fail" };
    return { nodes: [{ id: "start", type: "trigger.manual" }, { id: "once", type: "http.request", params, timeoutMs }], edges: [{ from: "start", to: "once" }] };
  };
  const impatient = await seedWorkflow(owner, graphOf("/hang/once", 1_000));
  const [timedOut] = (await queueExecutions(app, impatient, [{}])) as [string];
  await createWorker("w11").engine.claimAndRun(impatient.tenantId, [timedOut]);
  expect(await execution(timedOut)).toMatchObject({ status: "FAILED", error_code: "SIDE_EFFECT_UNCERTAIN" });
  expect(sink.received("/hang/once")).toHaveLength(1);
  const workflow = await seedWorkflow(owner, graphOf("/gated/once", 60_000));
  const [abandoned] = (await queueExecutions(app, workflow, [{}])) as [string];
  const dying = createWorker("dying").engine.claimAndRun(workflow.tenantId, [abandoned]);
  await vi.waitFor(() => expect(sink.received("/gated/once")).toHaveLength(1), PATIENCE_MS);
  expect((await journal(abandoned)).find(({ node_id }) => node_id === "once")?.status).toBe("RUNNING");
  await owner.query("UPDATE executions SET lease_until = now() - interval '1 second' WHERE id = $1", [abandoned]);
  await createWorker("heir").engine.claimAndRun(workflow.tenantId, [abandoned]);
  sink.open("/gated/once");
  await dying;
  expect(await execution(abandoned)).toMatchObject({ status: "FAILED", error_code: "SIDE_EFFECT_UNCERTAIN", lease_epoch: 2 });
  expect(sink.received("/gated/once")).toHaveLength(1);
});

test("admission refuses with a reason and a sentence, and reserves nothing", async () => {
  const { engine } = createWorker("w9");
  const tooHigh = await seedWorkflow(owner, { nodes: [{ id: "start", type: "trigger.manual" }, { id: "m", type: "merge", params: { mode: "waitAll" } }], edges: [{ from: "start", to: "m" }] }, PLAN.FREE);
  const inactive = await seedWorkflow(owner, chain);
  await owner.query("UPDATE workflows SET is_active = false WHERE tenant_id = $1", [inactive.tenantId]);
  const suspended = await seedWorkflow(owner, chain);
  await owner.query("UPDATE tenants SET status = 'SUSPENDED' WHERE id = $1", [suspended.tenantId]);
  const large = await seedWorkflow(owner, { nodes: [{ id: "start", type: "trigger.manual" }, ...Array.from({ length: 10 }, (_, i) => ({ id: `n${i}`, type: "set", params: { fields: {} } }))], edges: Array.from({ length: 10 }, (_, i) => ({ from: "start", to: `n${i}` })) }, PLAN.FREE);
  const spent = await seedWorkflow(owner, chain, PLAN.FREE);
  await owner.query("INSERT INTO usage_windows (tenant_id, metric, window_start, window_end, used) VALUES ($1, 'executions', date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC', now(), 500)", [spent.tenantId]);
  const cases = [[tooHigh, "NODE_NOT_IN_PLAN"], [inactive, "WORKFLOW_INACTIVE"], [suspended, "TENANT_SUSPENDED"], [large, "TOO_MANY_NODES"], [spent, "QUOTA_EXCEEDED"]] as const;
  for (const [workflow, reason] of cases) {
    const [id] = (await queueExecutions(app, workflow, [{}])) as [string];
    expect(await engine.claimAndRun(workflow.tenantId, [id])).toMatchObject({ claimed: 0, blocked: 1 });
    expect(await execution(id)).toMatchObject({ status: "BLOCKED", reason, error_code: reason });
    const { rows } = await owner.query("SELECT (SELECT count(*)::int FROM reservations WHERE tenant_id = $1) AS reserved, (SELECT used FROM concurrency_slots WHERE tenant_id = $1) AS used", [workflow.tenantId]);
    expect(rows[0]).toEqual({ reserved: 0, used: 0 });
  }
});

test("what jsonb cannot hold is recorded with a mark in its place, and the batch goes on", async () => {
  const workflow = await seedWorkflow(owner, chain);
  const ids = await queueExecutions(app, workflow, [{ n: 1 }, { n: "nul \u0000 and \ud800 lone" }, { n: 3 }]);
  expect(await createWorker("w10").engine.claimAndRun(workflow.tenantId, ids)).toMatchObject({ claimed: 3 });
  for (const id of ids) expect(await execution(id)).toMatchObject({ status: "SUCCESS" });
  expect((await execution(ids[1] ?? "")).output).toMatchObject({ results: { last: { n: "nul \ufffd and \ufffd lone" } } });
});

test("those who wait are told when a respond node is recorded and when the execution ends, and nobody is told of other executions", async () => {
  const graph = (response: { readonly mode: string }) => ({
    nodes: [
      { id: "start", type: "trigger.webhook", params: { authentication: { mode: "none" }, response } },
      { id: "answer", type: "respond", params: { body: { ok: true } } },
      { id: "slow", type: "http.request", params: { url: `${sink.url}/gated/${response.mode}` } },
    ],
    edges: [{ from: "start", to: "answer" }, { from: "answer", to: "slow" }],
  });
  const { engine } = createWorker("w11");
  const run = async (response: { readonly mode: string }, early: number): Promise<number> => {
    const workflow = await seedWorkflow(owner, graph(response));
    const [id] = (await queueExecutions(app, workflow, [{}])) as [string];
    const told = (): number => announced.filter((other) => other === id).length;
    const running = engine.claimAndRun(workflow.tenantId, [id]);
    // What comes after the answer is called when the answer is committed.
    await vi.waitFor(() => expect(sink.received(`/gated/${response.mode}`)).toHaveLength(1), PATIENCE_MS);
    await expect.poll(told).toBe(early);
    const { rows } = await owner.query("SELECT output FROM node_executions WHERE execution_id = $1 AND node_id = 'answer'", [id]);
    expect(rows).toEqual([{ output: { status: 200, headers: { "content-type": "application/json" }, body: { ok: true } } }]);
    expect(told()).toBe(early);
    sink.open(`/gated/${response.mode}`);
    await running;
    expect(await execution(id)).toMatchObject({ status: "SUCCESS" });
    return told();
  };
  expect(await run({ mode: "immediate" }, 0)).toBe(0);
  expect(await run({ mode: "lastNode" }, 0)).toBe(1);
  expect(await run({ mode: "respondNode" }, 1)).toBe(2);
});

test("those who wait are told of executions that are refused or cannot be read, and not of those that suspend", async () => {
  const { engine } = createWorker("w12");
  const start = { id: "start", type: "trigger.webhook", params: { authentication: { mode: "none" }, response: { mode: "lastNode" } } };
  const inactive = await seedWorkflow(owner, { nodes: [start], edges: [] });
  await owner.query("UPDATE workflows SET is_active = false WHERE tenant_id = $1", [inactive.tenantId]);
  const unreadable = await seedWorkflow(owner, { nodes: [start, { id: "x", type: "unheard.of" }], edges: [{ from: "start", to: "x" }] });
  const waiting = await seedWorkflow(owner, { nodes: [start, { id: "pause", type: "delay", params: { durationMs: 60_000 } }], edges: [{ from: "start", to: "pause" }] });
  const told = [];
  for (const workflow of [inactive, unreadable, waiting]) {
    const [id] = (await queueExecutions(app, workflow, [{}])) as [string];
    await engine.claimAndRun(workflow.tenantId, [id]);
    told.push([(await execution(id)).status, announced.includes(id)]);
  }
  expect(told).toEqual([["BLOCKED", true], ["FAILED", true], ["WAITING", false]]);
});

import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { uuidV7 } from "../ids.ts";
import { drainParked } from "../relay/drain.ts";
import { readQuotaTotals } from "../relay/quota-totals.ts";
import { claimOutbox, markSent } from "../relay/outbox.ts";
import { sweep } from "../relay/sweep.ts";
import { listenToOutbox } from "../testing/outbox-notifications.ts";
import { addPlan, queueExecutions, seedWorkflow, type PlanLimits, type SeededWorkflow } from "../testing/seed.ts";
import { countWaiting } from "../testing/statements.ts";
import { useTestDatabase } from "../testing/test-database.ts";
import { cancelExecution } from "./cancel.ts";
import { claimExecutions, type ClaimResult } from "./claim.ts";
import { settleExecutions } from "./settle.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
const CONNECTIONS = 24;

const { owner, app, system } = await useTestDatabase({ app: CONNECTIONS });

interface ParkingTenant extends SeededWorkflow {
  readonly planId: string;
}

async function seed(limits: PlanLimits): Promise<ParkingTenant> {
  const planId = await addPlan(owner, limits);
  return { ...(await seedWorkflow(owner, GRAPH, planId)), planId };
}

function claim(tenantId: string, executionIds: readonly string[]): Promise<ClaimResult> {
  return claimExecutions(app, { tenantId, executionIds, owner: `worker-${randomUUID()}`, leaseMs: 60_000, nodeTiers: {}, keepStarved: "never" });
}

async function queue(tenant: SeededWorkflow, count: number): Promise<string[]> {
  return queueExecutions(app, tenant, Array.from({ length: count }, () => ({})));
}

async function succeed(tenantId: string, claimed: ClaimResult["claimed"]): Promise<void> {
  await settleExecutions(app, claimed.map(({ executionId, epoch }) => ({ tenantId, executionId, epoch, payloadId: uuidV7.next(), settlement: { status: "SUCCESS", output: {} } as const })));
}

async function setQuota({ planId }: ParkingTenant, executionsPerMonth: number): Promise<void> {
  await owner.query("UPDATE plans SET executions_per_month = $2 WHERE id = $1", [planId, executionsPerMonth]);
}

async function drain({ tenantId }: SeededWorkflow, isAsked = true): Promise<number> {
  const { rows } = await app.query<{ called: number }>("SELECT fluxo_drain($1, $2) AS called", [tenantId, isAsked]);
  return rows[0]?.called ?? -1;
}

async function discard({ tenantId }: SeededWorkflow, limit: number): Promise<number> {
  const { rows } = await app.query<{ count: number }>("SELECT fluxo_discard_parked($1, $2) AS count", [tenantId, limit]);
  return rows[0]?.count ?? -1;
}

/** As if so many seconds had passed for the parking lot of a tenant. */
async function pass({ tenantId }: SeededWorkflow, seconds: number): Promise<void> {
  await owner.query("UPDATE concurrency_slots SET drain_at = drain_at - make_interval(secs => $2), drained_at = drained_at - make_interval(secs => $2) WHERE tenant_id = $1", [tenantId, seconds]);
  await owner.query("UPDATE executions SET park_expires_at = park_expires_at - make_interval(secs => $2) WHERE tenant_id = $1 AND completed_at IS NULL", [tenantId, seconds]);
}

/** The executions that events on their way in the outbox name, in the order of the events; the events are gone afterwards. */
async function woken({ tenantId }: SeededWorkflow): Promise<string[]> {
  const { rows } = await owner.query<{ id: string }>("WITH gone AS (DELETE FROM outbox WHERE tenant_id = $1 RETURNING id, execution_id) SELECT execution_id AS id FROM gone ORDER BY gone.id", [tenantId]);
  return rows.map(({ id }) => id);
}

interface Standing {
  readonly statuses: Readonly<Record<string, number>>;
  readonly used: number;
  readonly reserved: number;
  readonly slots: number;
}

async function standing({ tenantId }: SeededWorkflow): Promise<Standing> {
  const { rows } = await owner.query<Standing>(
    `SELECT (SELECT json_object_agg(status, count) FROM (SELECT status, count(*)::int FROM executions WHERE tenant_id = $1 GROUP BY 1) s) AS statuses,
            (SELECT coalesce(sum(used), 0)::int FROM usage_windows WHERE tenant_id = $1 AND metric = 'executions') AS used,
            (SELECT coalesce(sum(reserved), 0)::int FROM usage_windows WHERE tenant_id = $1 AND metric = 'executions') AS reserved,
            (SELECT coalesce(sum(used), 0)::int FROM concurrency_slots WHERE tenant_id = $1) AS slots`,
    [tenantId],
  );
  return rows[0] ?? { statuses: {}, used: -1, reserved: -1, slots: -1 };
}

test("what is over the quota is parked without lease, slot, reservation or event, and a repeated claim leaves it there", async () => {
  const tenant = await seed({ executionsPerMonth: 2, concurrencyMax: 10, park: { hours: 2 } });
  const ids = await queue(tenant, 5);
  const result = await claim(tenant.tenantId, ids);
  expect({ claimed: result.claimed.map(({ executionId }) => executionId), parked: result.parked, blocked: result.blocked }).toEqual({ claimed: ids.slice(0, 2), parked: ids.slice(2), blocked: [] });
  await woken(tenant);
  expect((await claim(tenant.tenantId, ids.slice(2))).skipped).toEqual(ids.slice(2));
  const { rows } = await owner.query<{ hours: number }>(
    `SELECT status, reason, lease_owner AS owner, resume_at AS "resumeAt", starved_at AS "starvedAt", lease_epoch AS epoch, extract(epoch FROM park_expires_at - parked_at)::int / 3600 AS hours
     FROM executions WHERE tenant_id = $1 AND id = ANY ($2)`,
    [tenant.tenantId, ids.slice(2)],
  );
  expect(rows).toEqual(Array.from({ length: 3 }, () => ({ status: "WAITING", reason: "QUOTA", owner: null, resumeAt: null, starvedAt: null, epoch: 0, hours: 2 })));
  expect(await standing(tenant)).toEqual({ statuses: { RUNNING: 2, WAITING: 3 }, used: 0, reserved: 2, slots: 2 });
  await succeed(tenant.tenantId, result.claimed);
  expect(await standing(tenant)).toEqual({ statuses: { SUCCESS: 2, WAITING: 3 }, used: 2, reserved: 0, slots: 0 });
});

test("after an upgrade they are called out in order and at the plan's pace, and what comes later queues behind them", async () => {
  const tenant = await seed({ executionsPerMonth: 1, concurrencyMax: 100, park: { perMinute: 36 } });
  const ids = await queue(tenant, 8);
  await succeed(tenant.tenantId, (await claim(tenant.tenantId, ids)).claimed);
  await woken(tenant);
  await setQuota(tenant, 6);
  expect(await drain(tenant, false), "a look that is not due does nothing").toBe(0);
  expect(await drain(tenant), "36 a minute are 3 in five seconds").toBe(3);
  expect((await owner.query("SELECT event_id FROM outbox WHERE tenant_id = $1 ORDER BY id", [tenant.tenantId])).rows, "another event than the first, which Inngest would take for a repeat").toEqual(ids.slice(1, 4).map((id) => ({ event_id: `${id}:1` })));
  expect(await drain(tenant), "asking does not make it faster").toBe(0);
  const [newcomer = ""] = await queue(tenant, 1);
  expect((await claim(tenant.tenantId, [newcomer])).parked, "there is room, but others were first").toEqual([newcomer]);
  expect(await woken(tenant)).toEqual([...ids.slice(1, 4), newcomer]);
  const first = await claim(tenant.tenantId, ids.slice(1, 4));
  expect(first.claimed.map(({ executionId }) => executionId)).toEqual(ids.slice(1, 4));
  await pass(tenant, 5);
  expect(await drainParked(system, 100), "two are left of six").toBe(2);
  expect(await woken(tenant)).toEqual(ids.slice(4, 6));
  expect((await claim(tenant.tenantId, ids.slice(4, 6))).claimed).toHaveLength(2);
  expect(await standing(tenant)).toEqual({ statuses: { SUCCESS: 1, RUNNING: 5, WAITING: 3 }, used: 1, reserved: 5, slots: 5 });
  await setQuota(tenant, 100);
  await pass(tenant, 600);
  expect(await drainParked(system, 100)).toBe(3);
  expect(await woken(tenant)).toEqual([...ids.slice(6), newcomer]);
  expect((await claim(tenant.tenantId, [...ids.slice(6), newcomer])).claimed).toHaveLength(3);
  const [last = ""] = await queue(tenant, 1);
  expect((await claim(tenant.tenantId, [last])).claimed, "nobody is parked any more").toHaveLength(1);
  await pass(tenant, 600);
  await drainParked(system, 100);
  expect((await owner.query("SELECT drain_at FROM concurrency_slots WHERE tenant_id = $1", [tenant.tenantId])).rows).toEqual([{ drain_at: null }]);
});

test("room that is promised to what was called out is given to nobody else", async () => {
  const tenant = await seed({ executionsPerMonth: 1, concurrencyMax: 100, park: {} });
  const ids = await queue(tenant, 3);
  await claim(tenant.tenantId, ids);
  await setQuota(tenant, 3);
  expect(await drain(tenant)).toBe(2);
  await owner.query("UPDATE plans SET over_quota = 'REJECT' WHERE id = $1", [tenant.planId]);
  const [newcomer = ""] = await queue(tenant, 1);
  expect((await claim(tenant.tenantId, [newcomer])).blocked).toEqual([{ executionId: newcomer, reason: "QUOTA_EXCEEDED" }]);
  expect((await claim(tenant.tenantId, ids.slice(1))).claimed).toHaveLength(2);
});

test("what was called out and is not claimed yet takes room: the next look calls out no more than what is left", async () => {
  const tenant = await seed({ executionsPerMonth: 1, concurrencyMax: 100, park: { perMinute: 24 } });
  const ids = await queue(tenant, 6);
  await claim(tenant.tenantId, ids);
  await setQuota(tenant, 4);
  expect(await drain(tenant)).toBe(2);
  await pass(tenant, 5);
  expect(await drain(tenant), "one of four is used, two are called out").toBe(1);
  await pass(tenant, 5);
  expect(await drain(tenant)).toBe(0);
});

test("a new window has room: the sweep calls them out without anybody asking", async () => {
  const tenant = await seed({ executionsPerMonth: 1, concurrencyMax: 10, park: {} });
  const ids = await queue(tenant, 2);
  await claim(tenant.tenantId, ids);
  await woken(tenant);
  await owner.query("UPDATE usage_windows SET window_start = window_start - interval '1 month' WHERE tenant_id = $1", [tenant.tenantId]);
  await pass(tenant, 300);
  expect(await drainParked(system, 100)).toBe(1);
  expect((await claim(tenant.tenantId, await woken(tenant))).claimed).toHaveLength(1);
});

test("who is called out and finds no slot starts with the next settle, before what came later", async () => {
  const tenant = await seed({ executionsPerMonth: 1, concurrencyMax: 1, park: {} });
  const ids = await queue(tenant, 3);
  const first = await claim(tenant.tenantId, ids);
  await setQuota(tenant, 3);
  expect(await drain(tenant)).toBe(2);
  await woken(tenant);
  expect((await claim(tenant.tenantId, ids.slice(1))).starved).toEqual(ids.slice(1));
  await succeed(tenant.tenantId, first.claimed);
  expect(await woken(tenant)).toEqual([ids[1]]);
  expect((await claim(tenant.tenantId, [ids[1] ?? ""])).claimed).toHaveLength(1);
});

test("longer than the plan allows nobody is parked: the sweep wakes it and the claim blocks it", async () => {
  const tenant = await seed({ executionsPerMonth: 0, concurrencyMax: 10, park: { hours: 1 } });
  const ids = await queue(tenant, 2);
  await claim(tenant.tenantId, ids);
  await woken(tenant);
  expect((await sweep(system, 60_000, 100)).get("parked")).toBeUndefined();
  await pass(tenant, 3_600);
  expect((await sweep(system, 60_000, 100)).get("parked")).toBe(2);
  const entries = await claimOutbox(system, { owner: "relay", limit: 10, leaseMs: 60_000, outstandingMax: 10 });
  await markSent(system, "relay", entries);
  expect((await sweep(system, 60_000, 100)).get("parked"), "once, while its event is on its way").toBeUndefined();
  const result = await claim(tenant.tenantId, ids);
  expect(result.blocked).toEqual(ids.map((executionId) => ({ executionId, reason: "QUOTA_PARK_EXPIRED" })));
  const { rows } = await owner.query("SELECT DISTINCT status, reason, error_code, completed_at IS NOT NULL AS ended, error_message ~ '^The execution was parked until ....-..-..T..:..:..Z' AS told FROM executions WHERE tenant_id = $1", [tenant.tenantId]);
  expect(rows).toEqual([{ status: "BLOCKED", reason: "QUOTA_PARK_EXPIRED", error_code: "QUOTA_PARK_EXPIRED", ended: true, told: true }]);
});

test("canceled and discarded ones end at once and leave the lot empty", async () => {
  const tenant = await seed({ executionsPerMonth: 0, concurrencyMax: 10, park: {} });
  const ids = await queue(tenant, 6);
  await claim(tenant.tenantId, ids);
  expect(await cancelExecution(app, tenant.tenantId, ids[0] ?? "")).toEqual({ status: "CANCELED", isRequested: false });
  expect(await discard(tenant, 3)).toBe(3);
  const { rows } = await owner.query<{ id: string }>("SELECT id FROM executions WHERE tenant_id = $1 AND status = 'CANCELED' ORDER BY id", [tenant.tenantId]);
  expect(rows.map(({ id }) => id), "the oldest first").toEqual(ids.slice(0, 4));
  expect([await discard(tenant, 3), await discard(tenant, 3)]).toEqual([2, 0]);
  expect(await standing(tenant)).toEqual({ statuses: { CANCELED: 6 }, used: 0, reserved: 0, slots: 0 });
});

test("who waits for a parked execution is woken when it is discarded", async () => {
  const tenant = await seed({ executionsPerMonth: 1, concurrencyMax: 10, park: {} });
  const [parent = "", child = ""] = await queue(tenant, 2);
  await claim(tenant.tenantId, [parent, child]);
  await owner.query("UPDATE executions SET status = 'WAITING', reason = 'CHILD', lease_owner = NULL, lease_until = NULL WHERE id = $1", [parent]);
  await owner.query("UPDATE executions SET parent_execution_id = $2, parent_node_id = 'call', parent_item = -1, is_awaited = true WHERE id = $1", [child, parent]);
  await woken(tenant);
  const notifications = await listenToOutbox(system);
  expect(await discard(tenant, 10)).toBe(1);
  expect(await notifications.heard(), "the relay is told").toBe(1);
  expect(await woken(tenant)).toEqual([parent]);
});

test("the order is that of being accepted, whatever was looked at first: of calls and of discards", async () => {
  const tenant = await seed({ executionsPerMonth: 0, concurrencyMax: 1, park: { perMinute: 24 } });
  const ids = await queue(tenant, 4);
  const [last = "", first = "", third = "", second = ""] = ids;
  const inOrder = [first, second, third, last];
  await owner.query("UPDATE executions e SET queued_at = e.queued_at + make_interval(secs => x.n) FROM unnest($1::uuid[]) WITH ORDINALITY AS x(id, n) WHERE e.id = x.id", [inOrder]);
  for (const id of inOrder.toReversed()) await claim(tenant.tenantId, [id]);
  await woken(tenant);
  await setQuota(tenant, 4);
  expect(await drain(tenant)).toBe(2);
  expect(await woken(tenant)).toEqual([first, second]);
  await discard(tenant, 3);
  const { rows } = await owner.query("SELECT id FROM executions WHERE tenant_id = $1 AND status = 'WAITING'", [tenant.tenantId]);
  expect(rows).toEqual([{ id: last }]);
});

test("a discard ends what is parked, called out or not, and nothing else; nothing of it waits for anything any more", async () => {
  const tenant = await seed({ executionsPerMonth: 3, concurrencyMax: 2, park: {} });
  const { tenantId } = tenant;
  const ids = await queue(tenant, 6);
  const [runs = "", pauses = "", starves = "", called = "", parked = "", queued = ""] = ids;
  const { claimed } = await claim(tenantId, [runs, pauses]);
  expect(claimed).toHaveLength(2);
  const pause = claimed.find(({ executionId }) => executionId === pauses);
  await claim(tenantId, [starves]);
  await settleExecutions(app, [{ tenantId, executionId: pauses, epoch: pause?.epoch ?? 0, payloadId: uuidV7.next(), settlement: { status: "WAITING", reason: "DELAY", resumeAt: new Date(Date.now() + 3_600_000) } }]);
  expect((await claim(tenantId, [starves])).claimed).toHaveLength(1);
  expect((await claim(tenantId, [called, parked])).parked).toEqual([called, parked]);
  await setQuota(tenant, 4);
  expect(await drain(tenant)).toBe(1);
  expect((await claim(tenantId, [called])).starved).toEqual([called]);
  expect(await discard(tenant, 10)).toBe(2);
  const { rows } = await owner.query("SELECT id, status, reason, resume_at AS due, starved_at AS starved FROM executions WHERE tenant_id = $1 ORDER BY id", [tenantId]);
  const ended = { status: "CANCELED", reason: null, due: null, starved: null };
  expect(rows).toEqual([
    { id: runs, status: "RUNNING", reason: null, due: null, starved: null },
    { id: pauses, status: "WAITING", reason: "DELAY", due: expect.any(Date), starved: null },
    { id: starves, status: "RUNNING", reason: null, due: null, starved: null },
    { id: called, ...ended },
    { id: parked, ...ended },
    { id: queued, status: "QUEUED", reason: null, due: null, starved: null },
  ]);
});

test("a look that finds no room takes no turn: after an upgrade the first are called out at once; relays are told of it, and of nothing else", async () => {
  const tenant = await seed({ executionsPerMonth: 1, concurrencyMax: 10, park: {} });
  const ids = await queue(tenant, 3);
  await claim(tenant.tenantId, ids);
  const before = await listenToOutbox(system);
  const { rows } = await owner.query("SELECT clock_timestamp() AS now");
  expect(await drain(tenant)).toBe(0);
  expect(await before.heard()).toBe(0);
  const next = await owner.query(
    `SELECT s.drain_at BETWEEN least(u.window_end, $2::timestamptz + interval '5 minutes') AND least(u.window_end, clock_timestamp() + interval '5 minutes') AS "isThen"
     FROM concurrency_slots s JOIN usage_windows u ON u.tenant_id = s.tenant_id WHERE s.tenant_id = $1`,
    [tenant.tenantId, rows[0].now],
  );
  expect(next.rows, "the next look is when the window ends, or in five minutes").toEqual([{ isThen: true }]);
  await setQuota(tenant, 3);
  const after = await listenToOutbox(system);
  expect(await drain(tenant)).toBe(2);
  expect(await after.heard()).toBe(1);
});

test("what is claimed while a discard begins runs on, with its slot and its reservation", async () => {
  const tenant = await seed({ executionsPerMonth: 0, concurrencyMax: 10, park: {} });
  const { tenantId } = tenant;
  const ids = await queue(tenant, 2);
  await claim(tenantId, ids);
  await setQuota(tenant, 1);
  await drain(tenant);
  const claimer = await app.connect();
  await claimer.query("BEGIN");
  await claimer.query("SELECT outcome FROM fluxo_claim($1, $2, 'claimer', 60000, '{}', 'never')", [tenantId, [ids[0]]]);
  const discarded = discard(tenant, 10);
  await expect.poll(() => countWaiting(owner)).toBe(1);
  await claimer.query("COMMIT");
  claimer.release();
  expect(await discarded).toBe(1);
  expect(await standing(tenant)).toEqual({ statuses: { RUNNING: 1, CANCELED: 1 }, used: 0, reserved: 1, slots: 1 });
});

test("two hundred admissions at once with ten left, then an upgrade by fifty with claims and looks from everywhere: never more than the quota, in order", async () => {
  const tenant = await seed({ executionsPerMonth: 10, concurrencyMax: 1_000, park: { perMinute: 240 }, alertPercents: [50, 80, 100] });
  const { tenantId } = tenant;
  const ids = await queue(tenant, 200);
  const results = await Promise.all(ids.map((id) => claim(tenantId, [id])));
  expect(results.flatMap(({ claimed }) => claimed)).toHaveLength(10);
  expect(results.flatMap(({ parked }) => parked)).toHaveLength(190);
  await woken(tenant);
  const parked = new Set(results.flatMap((result) => result.parked));
  await setQuota(tenant, 60);
  const started: string[] = [];
  for (let round = 0; started.length < 50 && round < 10; round += 1) {
    const begunMs = performance.now();
    await pass(tenant, 5);
    const newcomers = await queue(tenant, 10);
    await Promise.all([...Array.from({ length: 8 }, () => drain(tenant)), drainParked(system, 100), ...newcomers.map((id) => claim(tenantId, [id]))]);
    const called = (await woken(tenant)).filter((id) => parked.has(id));
    // A round that a busy machine takes longer for has time for another batch.
    const batches = 1 + Math.floor((performance.now() - begunMs) / 5_000);
    expect(called.length, "240 a minute are 20 in five seconds").toBeLessThanOrEqual(20 * batches);
    const claims = await Promise.all([...called, ...called].map((id) => claim(tenantId, [id])));
    const now = await standing(tenant);
    expect(now.used + now.reserved).toBeLessThanOrEqual(60);
    started.push(...claims.flatMap(({ claimed }) => claimed.map(({ executionId }) => executionId)));
  }
  expect(started.toSorted()).toEqual(ids.filter((id) => parked.has(id)).slice(0, 50).toSorted());
  expect(await standing(tenant)).toMatchObject({ used: 0, reserved: 60, slots: 60 });
  const { rows } = await owner.query("SELECT percent, counted, quota FROM quota_alerts WHERE tenant_id = $1 ORDER BY percent", [tenantId]);
  expect(rows, "each threshold once in the window, with the count that crossed it").toEqual([
    { percent: 50, counted: 5, quota: 10 },
    { percent: 80, counted: 8, quota: 10 },
    { percent: 100, counted: 10, quota: 10 },
  ]);
});

test("two hundred claimers while the concurrency limit goes down and up: at no instant more run than the limit that held when they started", async () => {
  const tenant = await seed({ executionsPerMonth: 1_000, concurrencyMax: 8 });
  const { tenantId, planId } = tenant;
  const ids = await queue(tenant, 200);
  await woken(tenant);
  let due = ids;
  const running: ClaimResult["claimed"][number][] = [];
  for (const limit of [8, 2, 5, 1, 16]) {
    await owner.query("UPDATE plans SET concurrency_max = $2 WHERE id = $1", [planId, limit]);
    const before = running.length;
    const results = await Promise.all(due.map((id) => claim(tenantId, [id])));
    running.push(...results.flatMap(({ claimed }) => claimed));
    expect(running.length, `limit ${limit}`).toBe(Math.max(before, limit));
    expect((await standing(tenant)).slots).toBe(running.length);
    const ended = running.splice(0, Math.ceil(running.length / 2));
    await Promise.all(ended.map((execution) => succeed(tenantId, [execution])));
    const claimed = new Set([...running, ...ended].map(({ executionId }) => executionId));
    due = due.filter((id) => !claimed.has(id));
    await woken(tenant);
  }
});

test("the totals that are exported are those of SQL", async () => {
  const tenant = await seed({ executionsPerMonth: 4, concurrencyMax: 10, park: {}, alertPercents: [75] });
  const before = await readQuotaTotals(system);
  const countOf = ({ alerts }: typeof before): number => alerts.find(({ metric, percent }) => metric === "executions" && percent === 75)?.count ?? 0;
  await claim(tenant.tenantId, await queue(tenant, 6));
  const after = await readQuotaTotals(system);
  expect([after.parked - before.parked, countOf(after) - countOf(before)]).toEqual([2, 1]);
});

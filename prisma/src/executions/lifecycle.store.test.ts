import { expect, test } from "vitest";
import { uuidV7 } from "../ids.ts";
import { claimOutbox, markSent } from "../relay/outbox.ts";
import { listenToOutbox } from "../testing/outbox-notifications.ts";
import { addPlan, queueExecutions, seedWorkflow, type SeededWorkflow } from "../testing/seed.ts";
import { countWaiting } from "../testing/statements.ts";
import { useTestDatabase } from "../testing/test-database.ts";
import { cancelExecution } from "./cancel.ts";
import { claimExecutions, type ClaimResult } from "./claim.ts";
import { recordNodes, type JournalRow } from "./journal.ts";
import { extendLeases } from "./leases.ts";
import { settleExecutions, type Settlement } from "./settle.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
const LEASE_MS = 60_000;
const SUCCESS = { status: "SUCCESS", output: { results: {} } } as const;

const { owner, app, system } = await useTestDatabase();

/** A tenant with so many slots, and executions of it that are queued and released. */
async function queue(count: number, concurrencyMax = 10): Promise<{ readonly workflow: SeededWorkflow; readonly ids: readonly string[] }> {
  const workflow = await seedWorkflow(owner, GRAPH, await addPlan(owner, { executionsPerMonth: 100, concurrencyMax }));
  const ids = await queueExecutions(app, workflow, Array.from({ length: count }, () => ({})));
  await relay();
  return { workflow, ids };
}

async function relay(): Promise<{ eventId: string; deliverAt: Date | null }[]> {
  const entries = await claimOutbox(system, { owner: "relay", limit: 100, leaseMs: 60_000, outstandingMax: 100 });
  await markSent(system, "relay", entries);
  return entries.map(({ eventId, deliverAt }) => ({ eventId, deliverAt }));
}

function claim({ tenantId }: SeededWorkflow, executionIds: readonly string[], by = "worker"): Promise<ClaimResult> {
  return claimExecutions(app, { tenantId, executionIds, owner: by, leaseMs: LEASE_MS, nodeTiers: {}, keepStarved: "never" });
}

function settle({ tenantId }: SeededWorkflow, executionId: string, settlement: Settlement, epoch = 1): Promise<ReadonlySet<string>> {
  return settleExecutions(app, [{ tenantId, executionId, epoch, payloadId: uuidV7.next(), settlement }]);
}

function journalRow({ tenantId }: SeededWorkflow, executionId: string, epoch: number, rest: Partial<JournalRow> = {}): JournalRow {
  const node = { nodeId: "start", item: 0, position: 0, nodeType: "trigger.manual", nodeName: "start", integration: null, attempt: 1, attempts: [], failure: null } as const;
  return { tenantId, executionId, epoch, ...node, status: "SUCCESS", ports: ["main"], usage: null, output: { epoch }, payloadId: uuidV7.next(), startedAt: new Date(), completedAt: new Date(), resumeAt: null, reason: null, ...rest };
}

interface State {
  readonly status: string;
  readonly reason: string | null;
  readonly epoch: number;
  readonly holder: string | null;
  readonly isLeased: boolean;
  readonly isEnded: boolean;
  /** Of the tenant. */
  readonly slots: number;
  readonly reservations: number;
  readonly counted: { readonly used: number; readonly reserved: number };
}

async function stateOf(id: string): Promise<State> {
  const { rows } = await owner.query<State>(
    `SELECT e.status, e.reason, e.lease_epoch AS epoch, e.lease_owner AS holder, e.lease_until IS NOT NULL AS "isLeased", e.completed_at IS NOT NULL AS "isEnded", s.used AS slots,
            (SELECT count(*)::int FROM reservations r WHERE r.tenant_id = e.tenant_id) AS reservations,
            (SELECT jsonb_build_object('used', u.used, 'reserved', u.reserved) FROM usage_windows u WHERE u.tenant_id = e.tenant_id AND u.metric = 'executions') AS counted
     FROM executions e JOIN concurrency_slots s ON s.tenant_id = e.tenant_id WHERE e.id = $1`,
    [id],
  );
  const [state] = rows;
  if (state === undefined) throw new Error("There is no such execution.");
  return state;
}

const expire = (id: string): Promise<unknown> => owner.query("UPDATE executions SET lease_until = clock_timestamp() - interval '1 second' WHERE id = $1", [id]);
const leftMs = async (id: string): Promise<number> => Number((await owner.query("SELECT extract(epoch FROM lease_until - clock_timestamp()) * 1000 AS left FROM executions WHERE id = $1", [id])).rows[0].left);

test("a start, a wait and a resume: one reservation from start to end, a slot and a lease only while it runs, one instant of the start, a timer with an id of its own", async () => {
  const { workflow, ids: [id = ""] } = await queue(1);
  const [first] = (await claim(workflow, [id])).claimed;
  expect(first).toMatchObject({ epoch: 1, journal: [], isCanceled: false });
  expect(await stateOf(id)).toEqual({ status: "RUNNING", reason: null, epoch: 1, holder: "worker", isLeased: true, isEnded: false, slots: 1, reservations: 1, counted: { used: 0, reserved: 1 } });
  expect(await recordNodes(app, [journalRow(workflow, id, 1)])).toEqual(new Set());

  const resumeAt = new Date(Date.now() + 3_600_000);
  expect(await settle(workflow, id, { status: "WAITING", reason: "DELAY", resumeAt })).toEqual(new Set([id]));
  expect(await stateOf(id)).toEqual({ status: "WAITING", reason: "DELAY", epoch: 1, holder: null, isLeased: false, isEnded: false, slots: 0, reservations: 1, counted: { used: 0, reserved: 1 } });
  expect(await relay()).toEqual([{ eventId: `${id}:1`, deliverAt: resumeAt }]);
  expect((await claim(workflow, [id])).skipped, "too early").toEqual([id]);

  await owner.query("UPDATE executions SET resume_at = now(), started_at = started_at - interval '1 hour' WHERE id = $1", [id]);
  const [second] = (await claim(workflow, [id])).claimed;
  expect(second).toMatchObject({ epoch: 2, journal: [{ nodeId: "start", status: "SUCCESS", output: { epoch: 1 } }] });
  expect((first?.startedAt.getTime() ?? 0) - (second?.startedAt.getTime() ?? 0)).toBe(3_600_000);
  expect(await stateOf(id)).toMatchObject({ status: "RUNNING", reason: null, slots: 1, reservations: 1, counted: { used: 0, reserved: 1 } });

  expect(await settle(workflow, id, SUCCESS, 2)).toEqual(new Set([id]));
  const ended = { status: "SUCCESS", reason: null, epoch: 2, holder: null, isLeased: false, isEnded: true, slots: 0, reservations: 0, counted: { used: 1, reserved: 0 } };
  expect(await stateOf(id)).toEqual(ended);
  expect(await settle(workflow, id, SUCCESS, 2), "a second end is none").toEqual(new Set());
  expect(await recordNodes(app, [journalRow(workflow, id, 2)])).toEqual(new Set([id]));
  expect(await extendLeases(system, "worker", LEASE_MS, [{ tenantId: workflow.tenantId, executionId: id, epoch: 2 }])).toEqual(new Map());
  expect(await stateOf(id)).toEqual(ended);
});

test("a takeover needs an expired lease, takes no second slot and no second reservation, and fences every write of the holder before it", async () => {
  const { workflow, ids: [id = ""] } = await queue(1);
  const held = { tenantId: workflow.tenantId, executionId: id };
  await claim(workflow, [id], "late");
  expect((await claim(workflow, [id], "next")).skipped).toEqual([id]);
  await expire(id);
  expect((await claim(workflow, [id], "next")).claimed).toMatchObject([{ epoch: 2 }]);
  const taken = { status: "RUNNING", epoch: 2, holder: "next", slots: 1, reservations: 1, counted: { used: 0, reserved: 1 } };
  expect(await stateOf(id)).toMatchObject(taken);

  expect(await recordNodes(app, [journalRow(workflow, id, 1)])).toEqual(new Set([id]));
  for (const [by, epoch] of [["late", 1], ["next", 1], ["late", 2]] as const) expect(await extendLeases(system, by, 10 * LEASE_MS, [{ ...held, epoch }])).toEqual(new Map());
  expect(await leftMs(id)).toBeLessThanOrEqual(LEASE_MS);
  for (const settlement of [SUCCESS, { status: "CANCELED", output: {} }, { status: "WAITING", reason: "DELAY", resumeAt: new Date() }] as const) expect(await settle(workflow, id, settlement, 1)).toEqual(new Set());
  expect(await stateOf(id)).toMatchObject(taken);
  expect((await owner.query("SELECT count(*)::int AS rows FROM node_executions WHERE execution_id = $1", [id])).rows).toEqual([{ rows: 0 }]);
  expect(await relay()).toEqual([]);
});

test("with an expired lease that nobody took over nothing is recorded; a heartbeat that comes in time makes it good", async () => {
  const { workflow, ids: [id = ""] } = await queue(1);
  await claim(workflow, [id]);
  await expire(id);
  expect(await recordNodes(app, [journalRow(workflow, id, 1)])).toEqual(new Set([id]));
  expect(await extendLeases(system, "worker", LEASE_MS, [{ tenantId: workflow.tenantId, executionId: id, epoch: 1 }])).toEqual(new Map([[id, false]]));
  expect(await leftMs(id)).toBeGreaterThan(LEASE_MS / 2);
  expect(await recordNodes(app, [journalRow(workflow, id, 1)])).toEqual(new Set());
});

test("of a batch the fenced ones alone are refused", async () => {
  const { workflow, ids: [lost = "", kept = ""] } = await queue(2);
  await claim(workflow, [lost, kept]);
  await expire(lost);
  await claim(workflow, [lost], "next");
  expect(await recordNodes(app, [journalRow(workflow, lost, 1), journalRow(workflow, kept, 1)])).toEqual(new Set([lost]));
  expect((await owner.query("SELECT execution_id AS id FROM node_executions WHERE tenant_id = $1", [workflow.tenantId])).rows).toEqual([{ id: kept }]);
  const items = [lost, kept].map((executionId) => ({ tenantId: workflow.tenantId, executionId, epoch: 1, payloadId: uuidV7.next(), settlement: SUCCESS }));
  expect(await settleExecutions(app, items)).toEqual(new Set([kept]));
  expect(await stateOf(lost)).toMatchObject({ status: "RUNNING", slots: 1, reservations: 1 });
});

test("a finished row of the journal stays as it is, whoever writes; an unfinished and a skipped one do not", async () => {
  const { workflow, ids: [id = ""] } = await queue(1);
  await claim(workflow, [id]);
  const written = async (nodeId: string, rows: readonly Partial<JournalRow>[]): Promise<unknown> => {
    for (const row of rows) expect(await recordNodes(app, [journalRow(workflow, id, 1, { nodeId, ...row })])).toEqual(new Set());
    return (await owner.query("SELECT status, output FROM node_executions WHERE execution_id = $1 AND node_id = $2", [id, nodeId])).rows;
  };
  for (const status of ["SUCCESS", "FAILED"] as const) expect(await written(status, [{ status, output: { n: 1 } }, { status: "SUCCESS", output: { n: 2 } }])).toEqual([{ status, output: { n: 1 } }]);
  for (const status of ["RUNNING", "WAITING", "SKIPPED"] as const) expect(await written(status, [{ status, output: null }, { status: "SUCCESS", output: { n: 2 } }])).toEqual([{ status: "SUCCESS", output: { n: 2 } }]);
});

test("a cancel is told by the heartbeat and by the next claim, and ends what would begin to wait", async () => {
  const { workflow, ids: [id = "", taken = ""] } = await queue(2);
  await claim(workflow, [id, taken]);
  for (const each of [id, taken]) expect(await cancelExecution(app, workflow.tenantId, each)).toEqual({ status: "RUNNING", isRequested: true });
  expect(await extendLeases(system, "worker", LEASE_MS, [{ tenantId: workflow.tenantId, executionId: id, epoch: 1 }])).toEqual(new Map([[id, true]]));
  await expire(taken);
  expect((await claim(workflow, [taken])).claimed).toMatchObject([{ isCanceled: true }]);
  await settle(workflow, taken, { status: "CANCELED", output: {} }, 2);
  expect(await settle(workflow, id, { status: "WAITING", reason: "DELAY", resumeAt: new Date(Date.now() + 3_600_000) })).toEqual(new Set([id]));
  expect(await stateOf(id)).toEqual({ status: "CANCELED", reason: null, epoch: 1, holder: null, isLeased: false, isEnded: true, slots: 0, reservations: 0, counted: { used: 2, reserved: 0 } });
});

test("an end wakes as many of those that wait for a slot as there are slots free, the oldest first, each by an event of its own", async () => {
  const { workflow, ids } = await queue(4, 1);
  const [first = "", ...waiting] = ids;
  await claim(workflow, [first]);
  expect((await claim(workflow, waiting.toReversed())).starved.toSorted()).toEqual(waiting);
  await owner.query("UPDATE executions e SET queued_at = now() - make_interval(secs => x.n) FROM unnest($1::uuid[]) WITH ORDINALITY AS x(id, n) WHERE e.id = x.id", [waiting]);
  const byAge = waiting.toReversed();
  for (const [index, id] of [first, ...byAge.slice(0, 2)].entries()) {
    const notifications = await listenToOutbox(system);
    await settle(workflow, id, SUCCESS);
    expect(await notifications.heard(), "the relay is told").toBe(1);
    expect((await owner.query("SELECT released_at, starved_at FROM executions WHERE id = $1", [byAge[index]])).rows, "what waits for the relay is not outstanding").toEqual([{ released_at: null, starved_at: null }]);
    expect(await relay()).toEqual([{ eventId: `${byAge[index]}:1`, deliverAt: null }]);
    expect((await claim(workflow, [byAge[index] ?? ""])).claimed).toHaveLength(1);
  }
  expect((await owner.query("SELECT count(*)::int AS starved FROM executions WHERE tenant_id = $1 AND starved_at IS NOT NULL", [workflow.tenantId])).rows).toEqual([{ starved: 0 }]);
});

test("a canceled execution waits for nothing any more: neither for its time nor for a slot", async () => {
  const { workflow, ids: [runs = "", starves = "", pauses = ""] } = await queue(3, 1);
  await claim(workflow, [pauses]);
  await settle(workflow, pauses, { status: "WAITING", reason: "DELAY", resumeAt: new Date(Date.now() + 3_600_000) });
  await claim(workflow, [runs]);
  expect((await claim(workflow, [starves])).starved).toEqual([starves]);
  for (const id of [starves, pauses]) await cancelExecution(app, workflow.tenantId, id);
  const { rows } = await owner.query("SELECT status, reason, resume_at, starved_at FROM executions WHERE id = ANY ($1)", [[starves, pauses]]);
  expect(rows).toEqual(Array.from({ length: 2 }, () => ({ status: "CANCELED", reason: null, resume_at: null, starved_at: null })));
  expect(await stateOf(runs)).toMatchObject({ slots: 1, reservations: 1, counted: { used: 1, reserved: 1 } });
});

test("a cancel while a tenant's first execution is claimed asks the worker: it takes no slot and no reservation away with it", async () => {
  const { workflow, ids: [id = ""] } = await queue(1);
  const claimer = await app.connect();
  await claimer.query("BEGIN");
  await claimer.query("SELECT outcome FROM fluxo_claim($1, $2, 'claimer', 60000, '{}', 'never')", [workflow.tenantId, [id]]);
  const canceled = cancelExecution(app, workflow.tenantId, id);
  await expect.poll(() => countWaiting(owner)).toBe(1);
  await claimer.query("COMMIT");
  claimer.release();
  expect(await canceled).toEqual({ status: "RUNNING", isRequested: true });
  expect(await stateOf(id)).toMatchObject({ status: "RUNNING", slots: 1, reservations: 1 });
});

test("a cancel wakes the parent that waits, also one that begins to wait meanwhile, and tells relays of it; of a child that nobody waits for it tells nobody", async () => {
  const { workflow, ids: [parent = "", child = "", aside = "", alone = ""] } = await queue(4);
  await claim(workflow, [parent]);
  const link = (id: string, isAwaited: boolean, item: number) =>
    owner.query("UPDATE executions SET parent_execution_id = $2, parent_node_id = 'call', parent_item = $3, is_awaited = $4 WHERE id = $1", [id, parent, item, isAwaited]);
  await link(child, true, 0);
  await link(aside, false, 1);
  const settler = await app.connect();
  await settler.query("BEGIN");
  const row = { executionId: parent, epoch: 1, status: "WAITING", reason: "CHILD", resumeAt: null };
  await settler.query("SELECT * FROM fluxo_settle($1)", [JSON.stringify([{ tenantId: workflow.tenantId, rows: [row] }])]);
  const canceled = cancelExecution(app, workflow.tenantId, child);
  await expect.poll(() => countWaiting(owner)).toBe(1);
  await settler.query("COMMIT");
  settler.release();
  await canceled;
  expect(await relay()).toEqual([{ eventId: `${parent}:1`, deliverAt: null }]);

  await link(alone, true, 2);
  const detached = await listenToOutbox(system);
  await cancelExecution(app, workflow.tenantId, aside);
  expect(await detached.heard(), "nobody waits for it").toBe(0);
  expect(await relay()).toEqual([]);
  const awaited = await listenToOutbox(system);
  await cancelExecution(app, workflow.tenantId, alone);
  expect(await awaited.heard()).toBe(1);
  expect(await relay()).toEqual([{ eventId: `${parent}:2`, deliverAt: null }]);
});

import { expect, test } from "vitest";
import { uuidV7 } from "../ids.ts";
import { addSource, addWorkflow, seedWorkflow, type SeededWorkflow } from "../testing/seed.ts";
import { useTestDatabase } from "../testing/test-database.ts";
import { adoptTrigger, claimTriggers, extendTriggerLeases, untilNextTrigger, type ClaimedTrigger } from "./claim.ts";
import { commitDispatch, type DispatchOutcome } from "./commit.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
const LATER = new Date("2100-01-01T00:00:00.000Z");

const { owner, app, system } = await useTestDatabase();

/** A kind of its own per test, so that no test claims what another one wrote. */
let kinds = 0;
const newKind = (): string => `kind${(kinds += 1)}`;

function claim(kind: string, by = "a", limit = 10): Promise<ClaimedTrigger[]> {
  return claimTriggers(system, { kind, owner: by, leaseMs: 60_000, limit });
}

/** As if the time of its lease had passed. */
async function endLease(triggerId: string): Promise<void> {
  await owner.query("UPDATE trigger_states SET lease_until = lease_until - interval '1 day', claimable_at = claimable_at - interval '1 day' WHERE trigger_id = $1", [triggerId]);
}

async function claimOne(kind: string, by = "a"): Promise<ClaimedTrigger> {
  const [claimed] = await claim(kind, by, 1);
  if (claimed === undefined) throw new Error("Nothing was claimed.");
  return claimed;
}

function outcome(held: ClaimedTrigger, parts: Partial<DispatchOutcome> = {}): DispatchOutcome {
  return { held, nextDueAt: LATER, hold: false, isConnected: true, items: [], marks: [], parked: [], ...parts };
}

const item = (key: string): DispatchOutcome["items"][number] => ({ key, occurredAt: new Date(), input: { key } });

async function source(kind: string): Promise<{ workflow: SeededWorkflow; triggerId: string }> {
  const workflow = await seedWorkflow(owner, GRAPH);
  return { workflow, triggerId: await addSource(owner, workflow, kind, { a: 1 }) };
}

async function stateOf(triggerId: string): Promise<Record<string, unknown>> {
  return (await owner.query("SELECT * FROM trigger_states WHERE trigger_id = $1", [triggerId])).rows[0];
}

async function count(table: string, triggerId: string): Promise<number> {
  return (await owner.query(`SELECT count(*)::int AS n FROM ${table} WHERE trigger_id = $1`, [triggerId])).rows[0].n;
}

test("a due trigger is claimed once, with all that its dispatcher needs, and again when the lease has ended", async () => {
  const kind = newKind();
  const { workflow, triggerId } = await source(kind);
  const [first, second] = await Promise.all([claim(kind, "a"), claim(kind, "b")]);
  expect([...first, ...second]).toHaveLength(1);
  expect([...first, ...second][0]).toMatchObject({ tenantId: workflow.tenantId, triggerId, workflowId: workflow.workflowId, epoch: 1, config: { a: 1 }, cursor: null, failures: 0, pollIntervalMsMin: 60_000 });
  expect(await claim(kind)).toEqual([]);
  expect(await untilNextTrigger(system, kind)).toSatisfy((ms: number) => ms > 0 && ms <= 60_000);
  await endLease(triggerId);
  expect(await claim(kind, "b")).toMatchObject([{ triggerId, epoch: 2 }]);
});

test.each([
  ["workflow", "UPDATE workflows SET is_active = false WHERE tenant_id = $1", "UPDATE workflows SET is_active = true WHERE tenant_id = $1"],
  ["trigger", "UPDATE triggers SET is_enabled = false WHERE tenant_id = $1", "UPDATE triggers SET is_enabled = true WHERE tenant_id = $1"],
  ["tenant", "UPDATE tenants SET status = 'SUSPENDED' WHERE id = $1", "UPDATE tenants SET status = 'ACTIVE' WHERE id = $1"],
])("sources of a %s that is off are disarmed, and armed again when it is on", async (_what, off, on) => {
  const kind = newKind();
  const { workflow, triggerId } = await source(kind);
  await owner.query(off, [workflow.tenantId]);
  expect(await claim(kind)).toEqual([]);
  expect(await stateOf(triggerId)).toMatchObject({ next_due_at: null, claimable_at: null, lease_owner: null });
  expect(await untilNextTrigger(system, kind)).toBeUndefined();
  await owner.query(on, [workflow.tenantId]);
  await app.query("SELECT fluxo_dispatch_arm($1, NULL)", [workflow.tenantId]);
  expect(await claim(kind)).toMatchObject([{ triggerId }]);
});

test("one commit writes executions, occurrences, parked items, the ledger, the clocks and the cursor", async () => {
  const kind = newKind();
  const { triggerId } = await source(kind);
  const held = await claimOne(kind);
  const [result] = await commitDispatch(
    app,
    "a",
    [
      outcome(held, {
        cursor: { at: 3 },
        items: [item("1"), item("2")],
        marks: [{ key: "3", occurredAt: new Date(), reason: "FILTERED", detail: "by rule" }],
        parked: [{ key: "4", occurredAt: new Date(), code: "PARAMS_INVALID", message: "broken", reference: "item 4", raw: Buffer.from("raw") }],
        durationMs: 12.4,
      }),
    ],
    uuidV7,
  );
  expect(result).toMatchObject({ triggerId, isHeld: true, accepted: 2, duplicate: 0, filtered: 1, parked: 1 });
  expect(result?.executionIds).toHaveLength(2);
  expect(await stateOf(triggerId)).toMatchObject({ cursor: { at: 3 }, lease_owner: null, lease_until: null, failures: 0, error_code: null, last_execution_id: result?.executionIds[1] });
  expect((await owner.query("SELECT occurrence_key, reason, detail FROM occurrences WHERE trigger_id = $1 ORDER BY 1", [triggerId])).rows).toEqual([
    { occurrence_key: "1", reason: "ACCEPTED", detail: null },
    { occurrence_key: "2", reason: "ACCEPTED", detail: null },
    { occurrence_key: "3", reason: "FILTERED", detail: "by rule" },
    { occurrence_key: "4", reason: "PARKED", detail: "broken" },
  ]);
  expect((await owner.query("SELECT code, reference, raw FROM parked_items WHERE trigger_id = $1", [triggerId])).rows).toEqual([{ code: "PARAMS_INVALID", reference: "item 4", raw: Buffer.from("raw") }]);
  expect((await owner.query("SELECT seen, accepted, duplicate, filtered, parked, duration_ms FROM polls WHERE trigger_id = $1", [triggerId])).rows).toEqual([
    { seen: 4, accepted: 2, duplicate: 0, filtered: 1, parked: 1, duration_ms: 12 },
  ]);
  expect((await owner.query("SELECT count(*)::int AS n FROM outbox o JOIN executions e ON e.id = o.execution_id WHERE e.trigger_id = $1", [triggerId])).rows).toEqual([{ n: 2 }]);
});

test("what was seen before is counted as a duplicate and starts nothing", async () => {
  const kind = newKind();
  const { triggerId } = await source(kind);
  const seen = (held: ClaimedTrigger): DispatchOutcome =>
    outcome(held, { nextDueAt: new Date(), items: [item("1")], marks: [{ key: "2", occurredAt: new Date(), reason: "FILTERED", detail: "by rule" }], durationMs: 1 });
  await commitDispatch(app, "a", [seen(await claimOne(kind))], uuidV7);
  expect(await commitDispatch(app, "a", [seen(await claimOne(kind))], uuidV7)).toMatchObject([{ accepted: 0, duplicate: 2, filtered: 0 }]);
  expect(await count("executions", triggerId)).toBe(1);
});

test("a dispatcher whose lease ended, or was taken, writes nothing at all (I3, I5)", async () => {
  const kind = newKind();
  const { triggerId } = await source(kind);
  const zombie = await claimOne(kind, "a");
  await endLease(triggerId);
  expect(await commitDispatch(app, "a", [outcome(zombie, { items: [item("late")], cursor: { late: true } })], uuidV7)).toMatchObject([{ isHeld: false, accepted: 0 }]);
  const successor = await claimOne(kind, "b");
  expect(await commitDispatch(app, "a", [outcome(zombie, { items: [item("late")], cursor: { late: true } })], uuidV7)).toMatchObject([{ isHeld: false }]);
  expect(await extendTriggerLeases(system, "a", [zombie], 60_000)).toEqual(new Set());
  expect(await extendTriggerLeases(system, "b", [successor], 60_000)).toEqual(new Set([triggerId]));
  expect(await count("occurrences", triggerId)).toBe(0);
  expect(await commitDispatch(app, "b", [outcome(successor, { items: [item("1")] })], uuidV7)).toMatchObject([{ isHeld: true, accepted: 1 }]);
});

test("the longest due are claimed first", async () => {
  const kind = newKind();
  const { workflow, triggerId: recent } = await source(kind);
  const [oldest, middle] = [await addSource(owner, await addWorkflow(owner, workflow.tenantId, GRAPH), kind, {}), await addSource(owner, await addWorkflow(owner, workflow.tenantId, GRAPH), kind, {})];
  for (const [triggerId, seconds] of [[oldest, 30], [middle, 20], [recent, 10]] as const) {
    await owner.query("UPDATE trigger_states SET next_due_at = clock_timestamp() - make_interval(secs => $2), claimable_at = clock_timestamp() - make_interval(secs => $2) WHERE trigger_id = $1", [triggerId, seconds]);
  }
  expect((await claim(kind, "a", 2)).map(({ triggerId }) => triggerId)).toEqual([oldest, middle]);
  expect((await claim(kind, "a", 2)).map(({ triggerId }) => triggerId)).toEqual([recent]);
});

test.each([
  ["left out of the published version", "UPDATE triggers SET is_enabled = false WHERE id = $1"],
  ["archived with its workflow", "UPDATE workflows SET archived_at = clock_timestamp(), is_active = false WHERE id = (SELECT workflow_id FROM triggers WHERE id = $1)"],
  ["of a workflow that is not published any more", "UPDATE workflows SET published_version_id = NULL WHERE id = (SELECT workflow_id FROM triggers WHERE id = $1)"],
])("a trigger that is %s during a look takes nothing, and its cursor passes nothing (I3)", async (_, off) => {
  const kind = newKind();
  const { triggerId } = await source(kind);
  const held = await claimOne(kind);
  await owner.query(off, [triggerId]);
  const marks = [{ key: "2", occurredAt: new Date(), reason: "FILTERED", detail: "by rule" }] as const;
  expect(await commitDispatch(app, "a", [outcome(held, { cursor: { at: 1 }, items: [item("1")], marks, durationMs: 1 })], uuidV7)).toMatchObject([{ isHeld: false, accepted: 0, duplicate: 0 }]);
  expect(await stateOf(triggerId)).toMatchObject({ cursor: null });
  expect([await count("occurrences", triggerId), await count("polls", triggerId)]).toEqual([0, 0]);
});

test("one commit carries triggers of several tenants; one whose lease is lost does not hold up the others", async () => {
  const kind = newKind();
  const [first, second] = [await source(kind), await source(kind)];
  const other = await addSource(owner, await addWorkflow(owner, first.workflow.tenantId, GRAPH), kind, {});
  const held = await claim(kind);
  expect(held).toHaveLength(3);
  await owner.query("UPDATE trigger_states SET lease_epoch = lease_epoch + 1 WHERE trigger_id = $1", [second.triggerId]);
  const results = await commitDispatch(app, "a", held.map((claimed) => outcome(claimed, { items: [item("1"), item("2")] })), uuidV7);
  expect(Object.fromEntries(results.map(({ triggerId, isHeld, accepted }) => [triggerId, [isHeld, accepted]]))).toEqual({ [first.triggerId]: [true, 2], [second.triggerId]: [false, 0], [other]: [true, 2] });
  const { rows } = await owner.query("SELECT DISTINCT e.tenant_id = t.tenant_id AS is_own FROM executions e JOIN triggers t ON t.id = e.trigger_id WHERE t.kind = $1", [kind]);
  expect(rows).toEqual([{ is_own: true }]);
});

test("failures are counted in a row; a success ends the row", async () => {
  const kind = newKind();
  const { triggerId } = await source(kind);
  const error = { code: "CONNECTION_FAILED", message: "away" } as const;
  for (const expected of [1, 2]) {
    await commitDispatch(app, "a", [outcome(await claimOne(kind), { nextDueAt: new Date(), isConnected: false, error, durationMs: 1 })], uuidV7);
    expect(await stateOf(triggerId)).toMatchObject({ failures: expected, error_code: "CONNECTION_FAILED", connected_at: null });
  }
  expect(await claim(kind)).toMatchObject([{ failures: 2 }]);
});

test("the clocks tell what came last, the usual interval is learned, and a failure moves none of them but its own", async () => {
  const kind = newKind();
  const { triggerId } = await source(kind);
  const past = async (column: string, seconds: number): Promise<unknown> => owner.query(`UPDATE trigger_states SET ${column} = clock_timestamp() - make_interval(secs => $2) WHERE trigger_id = $1`, [triggerId, seconds]);
  const age = async (): Promise<Record<string, number | null>> => {
    const columns = ["connected_at", "checked_at", "item_seen_at", "execution_at", "failed_at"];
    const { rows } = await owner.query(`SELECT ${columns.map((column) => `round(extract(epoch FROM clock_timestamp() - ${column}) / 100)::int AS ${column}`).join(", ")}, round(interval_ms / 1000)::int AS interval, silent_since, failures, cursor FROM trigger_states WHERE trigger_id = $1`, [triggerId]);
    return rows[0];
  };
  const commit = async (parts: Partial<DispatchOutcome>): Promise<Record<string, number | null>> => {
    await owner.query("UPDATE trigger_states SET claimable_at = clock_timestamp() - interval '1 second', next_due_at = clock_timestamp() - interval '1 second', lease_owner = NULL, lease_until = NULL WHERE trigger_id = $1", [triggerId]);
    await commitDispatch(app, "a", [outcome(await claimOne(kind), parts)], uuidV7);
    return age();
  };
  const clocks = ["connected_at", "checked_at", "item_seen_at", "execution_at"];
  expect(await commit({ cursor: 1, items: [item("1")] })).toMatchObject({ ...Object.fromEntries(clocks.map((clock) => [clock, 0])), failed_at: null, interval: null });
  for (const clock of clocks) await past(clock, 1_000);
  await past("silent_since", 500);
  // What is filtered is something new, but no execution.
  const mark = { key: "2", occurredAt: new Date(), reason: "FILTERED", detail: "by rule" } as const;
  expect(await commit({ cursor: 2, marks: [mark] })).toMatchObject({ connected_at: 0, checked_at: 0, item_seen_at: 0, execution_at: 10, interval: 1_000, silent_since: null });
  await past("item_seen_at", 2_000);
  expect(await commit({ items: [item("3")] })).toMatchObject({ item_seen_at: 0, execution_at: 0, interval: 1_200 });
  for (const clock of clocks) await past(clock, 1_000);
  expect(await commit({})).toMatchObject({ connected_at: 0, item_seen_at: 10, execution_at: 10, interval: 1_200, cursor: 2 });
  for (const clock of clocks) await past(clock, 1_000);
  expect(await commit({ isConnected: false, error: { code: "CONNECTION_FAILED", message: "away" } })).toMatchObject({ connected_at: 10, checked_at: 0, item_seen_at: 10, failed_at: 0, failures: 1, cursor: 2 });
  await past("failed_at", 1_000);
  expect(await commit({})).toMatchObject({ connected_at: 0, failed_at: 10, failures: 0 });
});

test("a trigger whose row somebody has locked holds up no claim of the others", async () => {
  const kind = newKind();
  const [locked, free] = [await source(kind), await source(kind)];
  const client = await owner.connect();
  try {
    await client.query("BEGIN");
    await client.query("SELECT 1 FROM trigger_states WHERE trigger_id = $1 FOR UPDATE", [locked.triggerId]);
    expect((await claim(kind)).map(({ triggerId }) => triggerId)).toEqual([free.triggerId]);
  } finally {
    await client.query("ROLLBACK");
    client.release();
  }
});

test("a job takes its trigger over from the queue that holds it, once, and from nobody else", async () => {
  const kind = newKind();
  const { workflow, triggerId } = await source(kind);
  const adopt = (from: string): Promise<ClaimedTrigger | undefined> => adoptTrigger(system, { tenantId: workflow.tenantId, triggerId, from, owner: "worker", leaseMs: 60_000 });
  await claimOne(kind, "queue");
  expect(await adopt("another queue")).toBeUndefined();
  expect(await adopt("queue")).toMatchObject({ triggerId, epoch: 2 });
  expect(await adopt("queue")).toBeUndefined();
  await owner.query("UPDATE trigger_states SET lease_owner = 'queue', lease_until = clock_timestamp() - interval '1 second' WHERE trigger_id = $1", [triggerId]);
  expect(await adopt("queue")).toBeUndefined();
});

test.each([
  ["a trigger left out of the published version", "UPDATE triggers SET is_enabled = false WHERE id = $1"],
  ["a suspended tenant", "UPDATE tenants SET status = 'SUSPENDED' WHERE id = (SELECT tenant_id FROM triggers WHERE id = $1)"],
])("the lease of %s is not kept", async (_, off) => {
  const kind = newKind();
  const { triggerId } = await source(kind);
  const held = await claimOne(kind);
  expect(await extendTriggerLeases(system, "a", [held], 60_000)).toEqual(new Set([triggerId]));
  await owner.query(off, [triggerId]);
  expect(await extendTriggerLeases(system, "a", [held], 60_000)).toEqual(new Set());
});

test("a lease that is held on to keeps others out, and moves the cursor", async () => {
  const kind = newKind();
  const { triggerId } = await source(kind);
  const held = await claimOne(kind);
  await commitDispatch(app, "a", [outcome(held, { hold: true, cursor: 1 })], uuidV7);
  expect(await claim(kind, "b")).toEqual([]);
  expect(await commitDispatch(app, "a", [outcome(held, { hold: true, cursor: 2, items: [item("1")] })], uuidV7)).toMatchObject([{ isHeld: true, accepted: 1 }]);
  expect(await stateOf(triggerId)).toMatchObject({ cursor: 2, lease_owner: "a" });
});

test("the claim reads the head of one index, however many triggers there are", async () => {
  const kind = newKind();
  const { workflow } = await source(kind);
  await owner.query(
    `INSERT INTO triggers (tenant_id, id, workflow_id, node_id, kind, config) SELECT $1, gen_random_uuid(), $2, 'n' || g, $3, '{}' FROM generate_series(1, 20000) g`,
    [workflow.tenantId, workflow.workflowId, kind],
  );
  await owner.query(
    `INSERT INTO trigger_states (tenant_id, trigger_id, kind, source_key, next_due_at, claimable_at)
     SELECT tenant_id, id, kind, '', clock_timestamp() + interval '1 day', clock_timestamp() + interval '1 day' FROM triggers WHERE kind = $1 ON CONFLICT DO NOTHING`,
    [kind],
  );
  await owner.query("ANALYZE trigger_states; ANALYZE triggers");
  const blocks = async (): Promise<number> => {
    const { rows } = await owner.query<{ blocks: string }>("SELECT sum(heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit) AS blocks FROM pg_statio_user_tables WHERE relname = 'trigger_states'");
    return Number(rows[0]?.blocks);
  };
  const settle = async (): Promise<number> => {
    await system.query("SELECT pg_stat_force_next_flush()");
    await new Promise((resolve) => setTimeout(resolve, 50));
    return blocks();
  };
  const before = await settle();
  expect(await claim(kind)).toHaveLength(1);
  expect((await settle()) - before).toBeLessThan(60);
});

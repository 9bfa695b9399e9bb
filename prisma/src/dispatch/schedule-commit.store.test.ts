import { beforeEach, expect, test } from "vitest";
import { uuidV7 } from "../ids.ts";
import { addSource, seedWorkflow } from "../testing/seed.ts";
import { useTestDatabase } from "../testing/test-database.ts";
import { claimTriggers, type ClaimedTrigger } from "./claim.ts";
import { commitDispatch, type DispatchOutcome } from "./commit.ts";
import { commitSchedules, isPlain } from "./schedule-commit.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
const LATER = new Date("2100-01-01T00:00:00.000Z");
const AT = new Date("2026-01-05T08:00:00.000Z");

const { owner, app, system } = await useTestDatabase();

beforeEach(async () => {
  await owner.query("TRUNCATE trigger_states, occurrences, outbox, executions CASCADE");
});

/** Schedules of as many tenants, claimed by `by`. */
async function claimed(count: number, by = "a", leaseMs = 60_000): Promise<ClaimedTrigger[]> {
  for (let made = 0; made < count; made += 1) await addSource(owner, await seedWorkflow(owner, GRAPH), "schedule", {});
  return claimTriggers(system, { kind: "schedule", owner: by, leaseMs, limit: 100 });
}

function due(held: ClaimedTrigger, parts: Partial<DispatchOutcome> = {}): DispatchOutcome {
  return { held, cursor: { lastAt: AT.toISOString() }, nextDueAt: LATER, hold: false, isConnected: true, items: [{ key: AT.toISOString(), occurredAt: AT, input: { of: held.triggerId } }], marks: [], parked: [], ...parts };
}

/** Everything that a dispatch writes, without ids and clocks. */
async function written(): Promise<unknown[]> {
  const { rows } = await owner.query(
    `SELECT s.cursor, s.next_due_at, s.claimable_at, s.lease_owner, s.failures, s.error_code, s.connected_at IS NOT NULL AS connected, s.item_seen_at IS NOT NULL AS seen,
            s.execution_at IS NOT NULL AS executed, s.interval_ms IS NOT NULL AS learned, s.last_execution_id IS NOT DISTINCT FROM e.id AS points, o.occurrence_key, o.reason, o.occurred_at,
            o.fingerprint, o.detail, e.status, e.workflow_id = t.workflow_id AS of_workflow, e.version_id = w.published_version_id AS of_version, e.trigger_node_id = t.node_id AS of_node,
            e.occurrence_key AS key, e.concurrency_class, e.input ->> 'of' = t.id::text AS own_input, e.depth, e.is_awaited, e.expires_at, e.parent_execution_id, x.event_id = e.id::text AS sent, x.concurrency_class AS class
     FROM trigger_states s JOIN triggers t ON t.id = s.trigger_id JOIN workflows w ON w.id = t.workflow_id
     LEFT JOIN occurrences o ON o.tenant_id = s.tenant_id AND o.trigger_id = s.trigger_id LEFT JOIN executions e ON e.tenant_id = o.tenant_id AND e.id = o.execution_id
     LEFT JOIN outbox x ON x.tenant_id = e.tenant_id AND x.execution_id = e.id ORDER BY o.occurrence_key NULLS LAST`,
  );
  return rows;
}

test("one statement writes for many tenants what the general commit writes tenant by tenant", async () => {
  const first = await claimed(3);
  expect(await commitSchedules(system, "a", first.map((held) => due(held)), uuidV7)).toBe(true);
  const bySchedules = await written();
  await owner.query("TRUNCATE trigger_states, occurrences, outbox, executions CASCADE");
  await commitDispatch(app, "a", (await claimed(3)).map((held) => due(held)), uuidV7);
  expect(bySchedules).toHaveLength(3);
  expect(bySchedules).toEqual(await written());
});

test("no instant: the position moves, nothing starts, the last execution stays known, and a failure is over", async () => {
  const [held] = await claimed(1);
  if (held === undefined) throw new Error("Nothing was claimed.");
  const last = uuidV7.next();
  await owner.query("UPDATE trigger_states SET last_execution_id = $2, failures = 3, error_code = 'INTERNAL' WHERE trigger_id = $1", [held.triggerId, last]);
  expect(await commitSchedules(system, "a", [due(held, { items: [], nextDueAt: null })], uuidV7)).toBe(true);
  expect(await written()).toMatchObject([{ cursor: { lastAt: AT.toISOString() }, next_due_at: null, claimable_at: null, seen: false, executed: false, occurrence_key: null, failures: 0, error_code: null }]);
  expect((await owner.query("SELECT last_execution_id FROM trigger_states WHERE trigger_id = $1", [held.triggerId])).rows).toEqual([{ last_execution_id: last }]);
});

test("a lost lease, a known instant or a trigger that is off undoes the whole batch, and the general commit writes the others", async () => {
  const spoil: Record<string, (held: ClaimedTrigger) => Promise<unknown>> = {
    lost: ({ triggerId }) => owner.query("UPDATE trigger_states SET lease_epoch = lease_epoch + 1 WHERE trigger_id = $1", [triggerId]),
    ended: ({ triggerId }) => owner.query("UPDATE trigger_states SET lease_until = clock_timestamp() - interval '1 ms' WHERE trigger_id = $1", [triggerId]),
    known: (held) => owner.query("INSERT INTO occurrences (tenant_id, trigger_id, occurrence_key, reason, occurred_at) VALUES ($1, $2, $3, 'MISFIRE_SKIPPED', $4)", [held.tenantId, held.triggerId, AT.toISOString(), AT]),
    leaving: ({ tenantId }) => owner.query("UPDATE tenants SET status = 'OFFBOARDING' WHERE id = $1", [tenantId]),
    archived: ({ workflowId }) => owner.query("UPDATE workflows SET is_active = false, archived_at = clock_timestamp() WHERE id = $1", [workflowId]),
    off: ({ triggerId }) => owner.query("UPDATE triggers SET is_enabled = false WHERE id = $1", [triggerId]),
  };
  for (const [name, make] of Object.entries(spoil)) {
    await owner.query("TRUNCATE trigger_states, occurrences, outbox, executions CASCADE");
    const [spoiled, sound] = await claimed(2);
    if (spoiled === undefined || sound === undefined) throw new Error("Nothing was claimed.");
    await make(spoiled);
    const before = await written();
    expect([name, await commitSchedules(system, "a", [due(spoiled), due(sound)], uuidV7)]).toEqual([name, false]);
    expect(await written()).toEqual(before);
    const results = await commitDispatch(app, "a", [due(spoiled), due(sound)], uuidV7);
    expect([name, results.find(({ triggerId }) => triggerId === sound.triggerId)?.accepted]).toEqual([name, 1]);
    expect([name, results.find(({ triggerId }) => triggerId === spoiled.triggerId)?.accepted]).toEqual([name, 0]);
  }
});

test("a row that names another tenant than its lease's writes nothing", async () => {
  const [one, other] = await claimed(2);
  if (one === undefined || other === undefined) throw new Error("Nothing was claimed.");
  const before = await written();
  expect(await commitSchedules(system, "a", [due({ ...one, tenantId: other.tenantId })], uuidV7)).toBe(false);
  expect(await written()).toEqual(before);
});

test("only what is plain is taken", async () => {
  const [held] = await claimed(1);
  if (held === undefined) throw new Error("Nothing was claimed.");
  const item = due(held).items[0];
  if (item === undefined) throw new Error("There is no item.");
  const unusual: Partial<DispatchOutcome>[] = [
    { items: [item, item] },
    { marks: [{ key: "k", occurredAt: AT, reason: "FILTERED", detail: "" }] },
    { hold: true },
    { isConnected: false },
    { error: { code: "INTERNAL", message: "" } },
    { durationMs: 1 },
  ];
  expect(unusual.map((parts) => isPlain(due(held, parts)))).toEqual(unusual.map(() => false));
  await expect(commitSchedules(system, "a", [due(held, { hold: true })], uuidV7)).rejects.toThrow(RangeError);
});

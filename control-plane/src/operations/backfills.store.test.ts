import type { JsonObject } from "@fluxo/core/json";
import { createTenantDb, type TenantDb } from "@fluxo/prisma/database/tenant-db";
import { uuidV7 } from "@fluxo/prisma/ids";
import { createBackfill } from "@fluxo/prisma/repositories/backfills";
import { addSource, queueExecutions, seedWorkflow, type SeededWorkflow } from "@fluxo/prisma/testing/seed";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { systemClock } from "@fluxo/runtime/clock";
import { createLogger } from "@fluxo/runtime/logger";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { backfills } from "./backfills.ts";
import type { OperationWorker } from "./operation-worker.ts";
import { workerOf } from "./testing/workers.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
const MINUTE_MS = 60_000;
const FROM = new Date("2026-01-05T08:00:00.000Z");

const { owner, app, system } = await useTestDatabase();
let tenantDb: TenantDb;

beforeAll(async () => {
  tenantDb = createTenantDb(app);
});
afterEach(async () => {
  await owner.query("TRUNCATE backfills, outbox, occurrences, executions CASCADE");
});
afterAll(() => tenantDb.close());

const worker = (): OperationWorker => workerOf(backfills({ app, tenantDb, clock: systemClock, ids: uuidV7, logger: createLogger({ service: "test", level: "silent" }) }), system);

/** A backfill of so many minutes of a schedule that has an instant in each. */
async function backfill(minutes: number, pacePerMinute: number, known?: SeededWorkflow, params: JsonObject = {}): Promise<{ readonly workflow: SeededWorkflow; readonly triggerId: string; readonly id: string }> {
  const workflow = known ?? (await seedWorkflow(owner, GRAPH));
  const triggerId = await addSource(owner, workflow, "schedule", { when: { kind: "interval", everySeconds: 60, anchor: "1970-01-01T00:00:00Z" }, overlap: "allow", misfire: "latest", ...params });
  const id = uuidV7.next();
  await tenantDb.withTenant(workflow.tenantId, (db) => createBackfill(db, workflow.tenantId, { id, triggerId, fromAt: FROM, toAt: new Date(FROM.getTime() + minutes * MINUTE_MS), pacePerMinute }, new Date(Date.now() - 10_000)));
  return { workflow, triggerId, id };
}

async function progress(id: string): Promise<Record<string, unknown>> {
  return (await owner.query("SELECT status, abort_reason, started, duplicate, skipped, extract(epoch FROM next_from - from_at)::int / 60 AS minutes FROM backfills WHERE id = $1", [id])).rows[0];
}

/** As if so much time had passed. */
const pass = (ms: number): Promise<unknown> => owner.query("UPDATE backfills SET next_at = next_at - make_interval(secs => $1), lease_until = lease_until - make_interval(secs => $1)", [ms / 1_000]);

test("keeps its pace: what was not used is saved up for a second, and every instant starts once", async () => {
  const { id, triggerId } = await backfill(5, 60);
  expect([await worker().tick(), await worker().tick()]).toEqual([2, 0]);
  expect(await progress(id)).toMatchObject({ status: "RUNNING", started: 2, minutes: 2 });
  await pass(3_600_000);
  await worker().tick();
  expect(await progress(id)).toMatchObject({ started: 4, minutes: 4 });
  await pass(1_000);
  await worker().tick();
  expect(await progress(id)).toEqual({ status: "DONE", abort_reason: null, started: 5, duplicate: 0, skipped: 0, minutes: 5 });
  const { rows } = await owner.query("SELECT input ->> 'scheduledAt' AS at, (input ->> 'backfill')::boolean AS backfill FROM executions WHERE trigger_id = $1 ORDER BY id", [triggerId]);
  expect(rows).toEqual(Array.from({ length: 5 }, (_, n) => ({ at: new Date(FROM.getTime() + n * MINUTE_MS).toISOString(), backfill: true })));
});

test("a long range comes in turns of fifty, and waits while the tenant's queue is long, so that what is due meanwhile is not behind it", async () => {
  const { id, workflow } = await backfill(1_000, 6_000);
  await worker().tick();
  expect(await progress(id)).toMatchObject({ started: 50, minutes: 50 });
  await pass(60_000);
  await worker().tick();
  expect(await progress(id)).toMatchObject({ started: 50, status: "RUNNING" });
  // Half of the queue is done; an occurrence of the present is in front of what the backfill starts from now on.
  await owner.query("DELETE FROM outbox");
  await owner.query("DELETE FROM executions WHERE id IN (SELECT id FROM executions ORDER BY id LIMIT 30)");
  const [live = ""] = await queueExecutions(app, workflow, [{ live: true }]);
  await pass(60_000);
  await worker().tick();
  expect(await progress(id)).toMatchObject({ started: 50 + 29 });
  expect((await owner.query("SELECT count(*)::int AS n FROM executions WHERE id < $1", [live])).rows).toEqual([{ n: 20 }]);
});

test("what the trigger's filter refuses is left out", async () => {
  const filter = { match: "all", conditions: [{ path: "localTime", operator: "endsWith", right: ":02:00.000Z" }] };
  const { id, triggerId } = await backfill(5, 6_000, undefined, { filter });
  await worker().tick();
  expect(await progress(id)).toMatchObject({ status: "DONE", started: 1, skipped: 4 });
  expect((await owner.query("SELECT occurrence_key AS key FROM executions WHERE trigger_id = $1", [triggerId])).rows).toEqual([{ key: "backfill:2026-01-05T08:02:00.000Z" }]);
});

test("one tenant's long backfills do not keep another tenant's waiting", async () => {
  const loud = await seedWorkflow(owner, GRAPH);
  for (let count = 0; count < 4; count += 1) await backfill(500, 6_000, loud);
  const quiet = await backfill(3, 6_000);
  await worker().tick();
  expect(await progress(quiet.id)).toMatchObject({ status: "DONE", started: 3 });
});

test("several workers share the work, and every instant starts once", async () => {
  const { id, triggerId } = await backfill(120, 6_000);
  for (let round = 0; round < 20 && (await progress(id))["status"] === "RUNNING"; round += 1) {
    await owner.query("DELETE FROM outbox");
    await owner.query("UPDATE executions SET status = 'CANCELED', completed_at = now() WHERE status = 'QUEUED'");
    await pass(60_000);
    await Promise.all([worker().tick(), worker().tick(), worker().tick()]);
  }
  expect(await progress(id)).toMatchObject({ status: "DONE", started: 120, duplicate: 0 });
  expect((await owner.query("SELECT count(*)::int AS n, count(DISTINCT occurrence_key)::int AS keys FROM executions WHERE trigger_id = $1", [triggerId])).rows).toEqual([{ n: 120, keys: 120 }]);
});

test("a trigger that is off, or is no schedule any more, ends its backfill with a reason", async () => {
  const [off, other] = [await backfill(5, 60), await backfill(5, 60)];
  await owner.query("UPDATE triggers SET is_enabled = false WHERE id = $1", [off.triggerId]);
  await owner.query("UPDATE triggers SET kind = 'rss' WHERE id = $1", [other.triggerId]);
  await worker().tick();
  for (const { id } of [off, other]) expect(await progress(id)).toMatchObject({ status: "ABORTED", abort_reason: "TRIGGER_OFF", started: 0 });
});

test("of two that are asked for at the same time, the eleventh of a tenant waits for the tenth and is refused", async () => {
  const workflow = await seedWorkflow(owner, GRAPH);
  for (let count = 0; count < 9; count += 1) await backfill(5, 60, workflow);
  const committing = Promise.withResolvers<undefined>();
  const triggerId = await addSource(owner, workflow, "schedule", { when: { kind: "interval", everySeconds: 60 } });
  const ask = (last: Promise<unknown>): Promise<unknown> =>
    tenantDb.withTenant(workflow.tenantId, async (db) => {
      await createBackfill(db, workflow.tenantId, { id: uuidV7.next(), triggerId, fromAt: FROM, toAt: new Date(FROM.getTime() + MINUTE_MS), pacePerMinute: 60 }, new Date());
      await last;
    });
  const tenth = ask(committing.promise);
  // Of this database: others of the server are locked by whoever clones one for a test.
  const locks = async (condition: string): Promise<number | null> => (await owner.query(`SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE d.datname = current_database() AND l.locktype = 'advisory' AND ${condition}`)).rowCount;
  await expect.poll(() => locks("granted")).toBe(1);
  const eleventh = ask(Promise.resolve()).then(() => "created", (error: unknown) => error);
  await expect.poll(() => locks("NOT granted")).toBe(1);
  committing.resolve(undefined);
  await tenth;
  expect(await eleventh).toMatchObject({ code: "STATE_CONFLICT" });
});

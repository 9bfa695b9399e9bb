import { beforeEach, expect, test } from "vitest";
import { claimExecutions, type ClaimResult } from "../executions/claim.ts";
import { addPlan, addWorkflow, queueExecutions, seedWorkflow, type SeededWorkflow } from "../testing/seed.ts";
import { useTestDatabase } from "../testing/test-database.ts";
import { claimOutbox, markSent, type OutboxEntry, type RelayGather } from "./outbox.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };

const { owner, app, system } = await useTestDatabase();

beforeEach(async () => {
  await owner.query("DELETE FROM outbox");
});

function relayClaim(name: string, limit: number, outstandingMax = 1_000, gather?: RelayGather): Promise<OutboxEntry[]> {
  return claimOutbox(system, { owner: name, limit, leaseMs: 60_000, outstandingMax, ...(gather === undefined ? {} : { gather }) });
}

function start({ tenantId }: SeededWorkflow, executionIds: readonly string[]): Promise<ClaimResult> {
  return claimExecutions(app, { tenantId, executionIds, owner: "w", leaseMs: 60_000, nodeTiers: {}, keepStarved: "never" });
}

test("more tenants with a backlog than fit in one round: everybody has a turn, also those whose ids sort last", async () => {
  const planId = await addPlan(owner, { executionsPerMonth: 1_000, concurrencyMax: 1_000 });
  const workflows: SeededWorkflow[] = [];
  for (let index = 0; index < 24; index += 1) workflows.push(await seedWorkflow(owner, GRAPH, planId));
  for (const workflow of workflows) await queueExecutions(app, workflow, Array.from({ length: 30 }, () => ({})));
  const served = new Map<string, number>();
  for (let round = 0; round < 20; round += 1) {
    const entries = await relayClaim("relay", 12);
    expect(entries).toHaveLength(12);
    await markSent(system, "relay", entries);
    for (const { tenantId, executionId } of entries) {
      served.set(tenantId, (served.get(tenantId) ?? 0) + 1);
      await start({ tenantId } as SeededWorkflow, [executionId]);
    }
  }
  // Ten turns each on average: nobody is left out.
  for (const { tenantId } of workflows) expect(served.get(tenantId) ?? 0).toBeGreaterThan(0);
});

test("two entries of one execution, sent together: both count, the later event is the one remembered, and the execution is released", async () => {
  const workflow = await seedWorkflow(owner, GRAPH);
  const [id = ""] = await queueExecutions(app, workflow, [{}]);
  await owner.query("INSERT INTO outbox (tenant_id, execution_id, concurrency_class, event_id, deliver_at) VALUES ($1, $2, 'large', $3, now() + interval '1 hour')", [workflow.tenantId, id, `${id}:1`]);
  const entries = await relayClaim("relay", 10);
  expect(entries.map(({ eventId }) => eventId).toSorted()).toEqual([id, `${id}:1`]);
  expect(await markSent(system, "relay", entries)).toBe(2);
  const { rows } = await owner.query("SELECT inngest_event_id AS event, released_at IS NOT NULL AS released FROM executions WHERE id = $1", [id]);
  expect(rows).toEqual([{ event: `${id}:1`, released: true }]);
});

test("a relay whose claim ran out and was taken marks nothing: the entry is the other's", async () => {
  const workflow = await seedWorkflow(owner, GRAPH);
  await queueExecutions(app, workflow, [{}, {}]);
  const late = await relayClaim("late", 10);
  expect(await relayClaim("next", 10), "claimed entries are left alone").toEqual([]);
  await owner.query("UPDATE outbox SET claimed_until = now() - interval '1 second'");
  const next = await relayClaim("next", 10);
  expect(next.map(({ id }) => id).toSorted()).toEqual(late.map(({ id }) => id).toSorted());
  expect(await markSent(system, "late", late)).toBe(0);
  expect(await markSent(system, "next", next)).toBe(2);
  expect((await owner.query("SELECT count(*)::int AS n FROM outbox")).rows).toEqual([{ n: 0 }]);
});

test("tenants share by the weight of their plans, and who spreads its work over many workflows has no larger share", async () => {
  const limits = { executionsPerMonth: 1_000_000, concurrencyMax: 10_000 };
  const [light, heavy] = [await addPlan(owner, { ...limits, weight: 1 }), await addPlan(owner, { ...limits, weight: 3 })];
  const [whole, weighty, first] = [await seedWorkflow(owner, GRAPH, light), await seedWorkflow(owner, GRAPH, heavy), await seedWorkflow(owner, GRAPH, light)];
  const shards = [first];
  while (shards.length < 20) shards.push(await addWorkflow(owner, first.tenantId, GRAPH));
  const each = (count: number): object[] => Array.from({ length: count }, () => ({}));
  await queueExecutions(app, whole, each(400) as []);
  await queueExecutions(app, weighty, each(400) as []);
  for (const shard of shards) await queueExecutions(app, shard, each(20) as []);
  const served = new Map<string, number>();
  for (let round = 0; round < 10; round += 1) {
    const entries = await relayClaim("relay", 50);
    await markSent(system, "relay", entries);
    for (const { tenantId } of entries) served.set(tenantId, (served.get(tenantId) ?? 0) + 1);
    for (const workflow of [whole, weighty, first]) await start(workflow, entries.filter(({ tenantId }) => tenantId === workflow.tenantId).map(({ executionId }) => executionId));
  }
  expect([served.get(whole.tenantId), served.get(first.tenantId), served.get(weighty.tenantId)]).toEqual([100, 100, 300]);
});

test("the oldest go first, and what runs or waits for a slot is not outstanding: it holds nothing back", async () => {
  const workflow = await seedWorkflow(owner, GRAPH, await addPlan(owner, { executionsPerMonth: 100, concurrencyMax: 1 }));
  const ids = await queueExecutions(app, workflow, Array.from({ length: 6 }, () => ({})));
  const next = async (): Promise<string[]> => {
    const entries = await relayClaim("relay", 10, 2);
    await markSent(system, "relay", entries);
    return entries.map(({ executionId }) => executionId).toSorted();
  };
  expect(await next()).toEqual(ids.slice(0, 2));
  expect(await next(), "two are outstanding").toEqual([]);
  const result = await start(workflow, ids.slice(0, 2));
  expect([result.claimed.length, result.starved]).toEqual([1, [ids[1]]]);
  expect(await next()).toEqual(ids.slice(2, 4));
});

test("the event of a timer releases nothing: what it names waits until then", async () => {
  const workflow = await seedWorkflow(owner, GRAPH);
  const [id = ""] = await queueExecutions(app, workflow, [{}]);
  await markSent(system, "relay", await relayClaim("relay", 10));
  const releasedAt = async (): Promise<unknown> => (await owner.query("SELECT released_at FROM executions WHERE id = $1", [id])).rows;
  const before = await releasedAt();
  await owner.query("INSERT INTO outbox (tenant_id, execution_id, concurrency_class, event_id, deliver_at) VALUES ($1, $2, 'large', $3, now() + interval '1 hour')", [workflow.tenantId, id, `${id}:1`]);
  expect(await markSent(system, "relay", await relayClaim("relay", 10))).toBe(1);
  expect(await releasedAt()).toEqual(before);
});

test("who gathers counts what nobody has claimed, and waits while more comes", async () => {
  const workflow = await seedWorkflow(owner, GRAPH);
  const gather = { backlog: 3, entries: 3, ageMs: 600_000, startMs: 100_000 };
  const queue = (count: number): Promise<string[]> => queueExecutions(app, workflow, Array.from({ length: count }, () => ({})));
  const age = (ids: readonly string[], seconds: number): Promise<unknown> => owner.query("UPDATE outbox SET created_at = clock_timestamp() - make_interval(secs => $2) WHERE execution_id = ANY ($1)", [ids, seconds]);
  await queue(3);
  await markSent(system, "relay", await relayClaim("relay", 10));
  await queue(2);
  expect(await relayClaim("other", 10)).toHaveLength(2);
  const [first = ""] = await queue(1);
  expect(await relayClaim("relay", 10, 1_000, gather), "two of three are another's").toEqual([]);
  await age([first], 200);
  const [second = ""] = await queue(1);
  expect(await relayClaim("relay", 10, 1_000, gather), "one has come just now").toEqual([]);
  await age([second], 101);
  expect((await relayClaim("relay", 10, 1_000, gather)).map(({ executionId }) => executionId).toSorted()).toEqual([first, second]);
});

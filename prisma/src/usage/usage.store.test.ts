import { randomUUID } from "node:crypto";
import type { JournalUsage } from "@fluxo/core/node/usage";
import fc from "fast-check";
import type pg from "pg";
import { afterEach, expect, test } from "vitest";
import { cancelExecution } from "../executions/cancel.ts";
import { claimExecutions } from "../executions/claim.ts";
import { recordNodes, type JournalRow } from "../executions/journal.ts";
import { rerunExecution } from "../executions/rerun.ts";
import { settleExecutions, type Settlement } from "../executions/settle.ts";
import { createFileStore } from "../files/file-store.ts";
import { uuidV7 } from "../ids.ts";
import { addPlan, addWorkflow, queueExecutions, seedWorkflow, type SeededWorkflow } from "../testing/seed.ts";
import { useTestDatabase } from "../testing/test-database.ts";
import { countUsageDifferences } from "./differences.ts";
import { rollUsage } from "./roll.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
const HOUR_MS = 3_600_000;

const { owner, app, system } = await useTestDatabase();

afterEach(async () => {
  await rollAll();
  expect(await differences()).toBe(0);
});

const differences = (): Promise<number> => countUsageDifferences(system, new Date(Date.now() - 2 * HOUR_MS), new Date(Date.now() + HOUR_MS));

async function rollAll(limit = 1_000): Promise<number> {
  let total = 0;
  for (let hasMore = true; hasMore; ) {
    const roll = await rollUsage(system, limit);
    total += roll.events;
    hasMore = roll.hasMore;
  }
  return total;
}

async function claimOne(tenantId: string, executionId: string): Promise<number> {
  const { claimed } = await claimExecutions(app, { tenantId, executionIds: [executionId], owner: "worker", leaseMs: 60_000, nodeTiers: {}, keepStarved: "never" });
  return claimed[0]?.epoch ?? 0;
}

function rowOf(tenantId: string, executionId: string, epoch: number, rest: Partial<JournalRow>): JournalRow {
  const now = new Date();
  return {
    ...{ tenantId, executionId, epoch, nodeId: "call", item: 0, position: 1, nodeType: "http.request", nodeName: "call", integration: "http", status: "SUCCESS", attempt: 1, ports: ["main"] },
    ...{ usage: null, output: null, payloadId: uuidV7.next(), failure: null, attempts: [], startedAt: now, completedAt: now, resumeAt: null, reason: null },
    ...rest,
  };
}

async function settle(tenantId: string, executionId: string, epoch: number, settlement: Settlement): Promise<void> {
  await settleExecutions(app, [{ tenantId, executionId, epoch, payloadId: uuidV7.next(), settlement }]);
}

async function sumOf(table: "usage_events" | "usage_hours" | "usage_days", tenantId: string): Promise<unknown> {
  const { rows } = await owner.query(
    `SELECT sum(executions)::int AS executions, sum(node_executions)::int AS nodes, sum(ai_input_tokens)::int AS "in", sum(ai_output_tokens)::int AS out, sum(ai_unpriced_tokens)::int AS unpriced,
            sum(ai_cost_micros)::int AS cost, sum(egress_bytes)::int AS egress, sum(storage_bytes)::int AS storage FROM ${table} WHERE tenant_id = $1`,
    [tenantId],
  );
  return rows[0];
}

const NOTHING = { executions: 0, nodes: 0, in: 0, out: 0, unpriced: 0, cost: 0, egress: 0, storage: 0 };

test("an execution and its nodes are metered with what they used, once however often a row is written", async () => {
  const { tenantId, ...workflow } = await seedWorkflow(owner, GRAPH);
  const [executionId = ""] = await queueExecutions(app, { tenantId, ...workflow }, [{}]);
  const epoch = await claimOne(tenantId, executionId);
  const waiting = rowOf(tenantId, executionId, epoch, { status: "WAITING", reason: "BACKOFF", resumeAt: new Date(), completedAt: null, usage: { egressBytes: 100 } });
  await recordNodes(app, [waiting]);
  await recordNodes(app, [waiting]);
  const done = rowOf(tenantId, executionId, epoch, { attempt: 2, usage: { model: "m", inputTokens: 10, outputTokens: 4, costMicros: 7, egressBytes: 50 } });
  const skipped = rowOf(tenantId, executionId, epoch, { nodeId: "other", status: "SKIPPED", attempt: 0, completedAt: null });
  await recordNodes(app, [done, skipped]);
  await recordNodes(app, [done, skipped]);
  for (const nodeId of ["third", "fourth"]) await recordNodes(app, [rowOf(tenantId, executionId, epoch, { nodeId, usage: { model: "m", inputTokens: 1, outputTokens: 2, costMicros: null } })]);
  const { rows } = await owner.query<{ usage: JournalUsage }>("SELECT usage FROM node_executions WHERE tenant_id = $1 AND node_id = 'call'", [tenantId]);
  expect(rows).toEqual([{ usage: { model: "m", inputTokens: 10, outputTokens: 4, costMicros: 7, egressBytes: 150 } }]);
  await settle(tenantId, executionId, epoch, { status: "SUCCESS", output: {} });
  await settle(tenantId, executionId, epoch, { status: "SUCCESS", output: {} });
  const used = { ...NOTHING, executions: 1, nodes: 3, in: 12, out: 8, unpriced: 6, cost: 7, egress: 150 };
  expect(await sumOf("usage_events", tenantId)).toEqual(used);
  await rollAll(1);
  expect([await sumOf("usage_hours", tenantId), await sumOf("usage_days", tenantId)]).toEqual([used, used]);
});

test("one statement writes one event per workflow, node type and model", async () => {
  const { tenantId, ...workflow } = await seedWorkflow(owner, GRAPH);
  const ids = await queueExecutions(app, { tenantId, ...workflow }, Array.from({ length: 20 }, () => ({})));
  const { claimed } = await claimExecutions(app, { tenantId, executionIds: ids, owner: "worker", leaseMs: 60_000, nodeTiers: {}, keepStarved: "never" });
  const at = new Date();
  await recordNodes(app, claimed.flatMap(({ executionId, epoch }) => ["a", "b"].map((nodeId) => rowOf(tenantId, executionId, epoch, { nodeId, completedAt: at }))));
  await settleExecutions(app, claimed.map(({ executionId, epoch }) => ({ tenantId, executionId, epoch, payloadId: uuidV7.next(), settlement: { status: "SUCCESS", output: {} } })));
  const { rows } = await owner.query("SELECT node_type AS type, executions, node_executions AS nodes FROM usage_events WHERE tenant_id = $1 ORDER BY id", [tenantId]);
  expect(rows).toEqual([{ type: "http.request", executions: 0, nodes: 40 }, { type: "", executions: 20, nodes: 0 }]);
});

test("what never started and what was blocked is not metered; a cancel while waiting is", async () => {
  const planId = await addPlan(owner, { executionsPerMonth: 1, concurrencyMax: 5 });
  const { tenantId, ...workflow } = await seedWorkflow(owner, GRAPH, planId);
  const [first = "", second = "", third = ""] = await queueExecutions(app, { tenantId, ...workflow }, [{}, {}, {}]);
  await cancelExecution(app, tenantId, third);
  const epoch = await claimOne(tenantId, first);
  expect(await claimOne(tenantId, second)).toBe(0);
  await settle(tenantId, first, epoch, { status: "WAITING", reason: "DELAY", resumeAt: new Date(Date.now() + HOUR_MS) });
  expect(await sumOf("usage_events", tenantId)).toMatchObject({ executions: null });
  await cancelExecution(app, tenantId, first);
  expect(await sumOf("usage_events", tenantId)).toEqual({ ...NOTHING, executions: 1 });
});

test("what a rerun takes over from the journal that it goes on from is not metered again", async () => {
  const { tenantId, ...workflow } = await seedWorkflow(owner, GRAPH);
  const [executionId = ""] = await queueExecutions(app, { tenantId, ...workflow }, [{}]);
  const epoch = await claimOne(tenantId, executionId);
  await recordNodes(app, [rowOf(tenantId, executionId, epoch, { usage: { egressBytes: 100 } })]);
  await settle(tenantId, executionId, epoch, { status: "FAILED", output: {}, error: { code: "INTERNAL", message: "failed", stack: null, nodeId: null } });
  const newId = uuidV7.next();
  const rerun = await rerunExecution(app, { tenantId, executionId, newId, payloadId: uuidV7.next(), from: "failedNode", version: "same", occurrenceKey: `rerun:${newId}`, fingerprint: "a" });
  expect(rerun).toEqual({ outcome: "accepted", executionId: newId });
  const { rows } = await owner.query("SELECT node_id AS id, is_seeded AS seeded FROM node_executions WHERE execution_id = $1", [newId]);
  expect(rows).toEqual([{ id: "call", seeded: true }]);
  await settle(tenantId, newId, await claimOne(tenantId, newId), { status: "SUCCESS", output: {} });
  expect(await sumOf("usage_events", tenantId)).toEqual({ ...NOTHING, executions: 2, nodes: 1, egress: 100 });
});

test("files are metered when they are stored, once, and when they go", async () => {
  const { tenantId, ...workflow } = await seedWorkflow(owner, GRAPH);
  const [executionId = ""] = await queueExecutions(app, { tenantId, ...workflow }, [{}]);
  const store = createFileStore(app, uuidV7);
  const file = { name: "a.txt", mediaType: "text/plain", content: Buffer.from("four") };
  for (let times = 0; times < 2; times += 1) await store.save({ tenantId, executionId, nodeId: "n", item: 0 }, file);
  expect(await sumOf("usage_events", tenantId)).toEqual({ ...NOTHING, storage: 4 });
  await owner.query("DELETE FROM executions WHERE tenant_id = $1", [tenantId]);
  expect(await sumOf("usage_events", tenantId)).toEqual(NOTHING);
});

test("a commit that comes late is not skipped, and nothing behind it is counted twice", async () => {
  const { tenantId } = await seedWorkflow(owner, GRAPH);
  const write = (client: pg.Pool | pg.PoolClient): Promise<unknown> => client.query("INSERT INTO usage_events (tenant_id, txid, occurred_at, executions) VALUES ($1, txid_current(), now(), 1)", [tenantId]);
  await rollAll();
  const late = await owner.connect();
  await late.query("BEGIN");
  await write(late);
  await write(owner);
  const held = await rollUsage(system, 1_000);
  expect(held.events, "the later event waits for the one that is not visible yet").toBe(0);
  expect(held.oldestAt).toBeInstanceOf(Date);
  await late.query("COMMIT");
  late.release();
  await Promise.all([rollUsage(system, 1_000), rollUsage(system, 1_000), rollUsage(system, 1_000)]);
  expect(await sumOf("usage_hours", tenantId)).toMatchObject({ executions: 2 });
  await owner.query(`DELETE FROM usage_events WHERE tenant_id = '${tenantId}'; DELETE FROM usage_hours WHERE tenant_id = '${tenantId}'; DELETE FROM usage_days WHERE tenant_id = '${tenantId}'`);
});

test("in a cluster restored from a dump, where transactions are numbered from the beginning again, each event counts once", async () => {
  const { tenantId } = await seedWorkflow(owner, GRAPH);
  const write = (txid: string, executions: number): Promise<unknown> =>
    owner.query(`INSERT INTO usage_events (tenant_id, txid, occurred_at, executions) VALUES ($1, ${txid}, now(), $2)`, [tenantId, executions]);
  const future = "txid_current() + 1000000";
  await write("txid_current()", 1);
  await rollAll();
  // As a dump brings it: the mark and one event that is not rolled up are of a cluster that was further.
  await owner.query(`UPDATE usage_mark SET upto = ${future}`);
  await write(`${future} + 5`, 10);
  // Written since: one before the first roll-up, one after it.
  await write("txid_current()", 100);
  await rollAll();
  await write("txid_current()", 1_000);
  await rollAll();
  expect(await sumOf("usage_hours", tenantId)).toMatchObject({ executions: 1_111 });
  // When the new cluster's numbers reach those that were restored, the floor keeps these out.
  const { rows } = await owner.query("SELECT floor_id >= (SELECT id FROM usage_events WHERE tenant_id = $1 AND executions = 10) AND floor_id < (SELECT id FROM usage_events WHERE tenant_id = $1 AND executions = 100) AS is_between FROM usage_mark", [tenantId]);
  expect(rows).toEqual([{ is_between: true }]);
  await owner.query(`DELETE FROM usage_events WHERE tenant_id = '${tenantId}'; DELETE FROM usage_hours WHERE tenant_id = '${tenantId}'; DELETE FROM usage_days WHERE tenant_id = '${tenantId}'`);
});

test("days are those of the tenant's zone, hours are UTC", async () => {
  const { tenantId } = await seedWorkflow(owner, GRAPH);
  await owner.query("UPDATE tenants SET time_zone = 'Asia/Kolkata' WHERE id = $1", [tenantId]);
  await owner.query("INSERT INTO usage_events (tenant_id, txid, occurred_at, executions) VALUES ($1, txid_current(), '2026-03-01T18:29:59Z', 1), ($1, txid_current(), '2026-03-01T18:30:00Z', 2)", [tenantId]);
  await rollAll();
  const { rows: days } = await owner.query("SELECT day::text AS day, executions::int AS n FROM usage_days WHERE tenant_id = $1 ORDER BY day", [tenantId]);
  expect(days).toEqual([{ day: "2026-03-01", n: 1 }, { day: "2026-03-02", n: 2 }]);
  const { rows: hours } = await owner.query("SELECT hour, executions::int AS n FROM usage_hours WHERE tenant_id = $1", [tenantId]);
  expect(hours).toEqual([{ hour: new Date("2026-03-01T18:00:00Z"), n: 3 }]);
});

test("events never change, and nobody reads or writes another tenant's", async () => {
  const [a, b] = [await seedWorkflow(owner, GRAPH), await seedWorkflow(owner, GRAPH)];
  const asTenant = async (tenantId: string, sql: string, values: unknown[] = []): Promise<pg.QueryResult> => {
    const client = await app.connect();
    try {
      await client.query("BEGIN");
      await client.query("SELECT set_config('app.tenant_id', $1, true)", [tenantId]);
      return await client.query(sql, values);
    } finally {
      await client.query("ROLLBACK");
      client.release();
    }
  };
  await owner.query("INSERT INTO usage_events (tenant_id, txid, occurred_at, egress_bytes) VALUES ($1, txid_current(), '2020-01-01T00:00:00Z', 1)", [b.tenantId]);
  await rollAll();
  for (const table of ["usage_events", "usage_hours", "usage_days"]) expect((await asTenant(a.tenantId, `SELECT 1 FROM ${table}`)).rows).toEqual([]);
  expect((await asTenant(b.tenantId, "SELECT 1 FROM usage_days")).rows).toHaveLength(1);
  await expect(asTenant(a.tenantId, "INSERT INTO usage_events (tenant_id, txid, occurred_at) VALUES ($1, 1, now())", [b.tenantId])).rejects.toThrow(/row-level security/);
  for (const sql of ["UPDATE usage_events SET executions = 9", "DELETE FROM usage_events", "UPDATE usage_days SET executions = 9"]) await expect(asTenant(b.tenantId, sql)).rejects.toThrow(/permission denied/);
  await expect(owner.query("UPDATE usage_events SET executions = 9 WHERE tenant_id = $1", [b.tenantId])).rejects.toThrow(/never change/);
});

interface Life {
  readonly nodes: readonly (JournalUsage | null)[];
  readonly isRepeated: boolean;
  readonly end: "SUCCESS" | "FAILED" | "CANCELED" | "WAITING" | "lost";
}

const usageArbitrary = fc.option(
  fc.record({ model: fc.constantFrom("m1", "m2"), inputTokens: fc.nat(1_000), outputTokens: fc.nat(1_000), costMicros: fc.option(fc.nat(10_000)), egressBytes: fc.nat(10_000) }),
);
const lifeArbitrary: fc.Arbitrary<Life> = fc.record({
  nodes: fc.array(usageArbitrary, { maxLength: 4 }),
  isRepeated: fc.boolean(),
  end: fc.constantFrom("SUCCESS", "FAILED", "CANCELED", "WAITING", "lost"),
});

async function live(workflow: SeededWorkflow, executionId: string, { nodes, isRepeated, end }: Life): Promise<void> {
  const { tenantId } = workflow;
  const epoch = await claimOne(tenantId, executionId);
  for (const [index, usage] of nodes.entries()) {
    const row = rowOf(tenantId, executionId, epoch, { nodeId: `n${index}`, nodeType: index % 2 === 0 ? "http.request" : "ai.prompt", usage });
    await recordNodes(app, [row]);
    if (isRepeated) await recordNodes(app, [row]);
  }
  if (end === "lost") return;
  const settlement: Settlement =
    end === "FAILED" ? { status: end, output: null, error: { code: "NODE_INTERNAL", message: "x", stack: null, nodeId: null } } : end === "WAITING" ? { status: end, reason: "DELAY", resumeAt: null } : { status: end, output: null };
  await settle(tenantId, executionId, epoch, settlement);
  if (end === "WAITING" && isRepeated) await cancelExecution(app, tenantId, executionId);
}

test("under random concurrency of executions, cancels, files and roll-ups the books balance at every moment", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(lifeArbitrary, { minLength: 4, maxLength: 24 }), fc.integer({ min: 1, max: 7 }), async (lives, limit) => {
      const tenants = [await seedWorkflow(owner, GRAPH), await seedWorkflow(owner, GRAPH)];
      const second = await addWorkflow(owner, tenants[0]?.tenantId ?? randomUUID(), GRAPH);
      const workflows = [...tenants, second];
      const store = createFileStore(app, uuidV7);
      const over = new AbortController();
      const seen: number[] = [];
      const rolling = [1, 2].map(async () => {
        while (!over.signal.aborted) await rollUsage(system, limit);
      });
      const watching = (async () => {
        while (!over.signal.aborted) seen.push(await differences());
      })();
      await Promise.all(
        lives.map(async (life, index) => {
          const workflow = workflows[index % workflows.length];
          if (workflow === undefined) return;
          const [executionId = ""] = await queueExecutions(app, workflow, [{}]);
          await live(workflow, executionId, life);
          if (life.isRepeated) await store.save({ tenantId: workflow.tenantId, executionId, nodeId: "f", item: 0 }, { name: "f", mediaType: "text/plain", content: Buffer.from(executionId) });
        }),
      );
      over.abort();
      await Promise.all([...rolling, watching]);
      expect(new Set(seen)).toEqual(new Set([0]));
      await rollAll(limit);
      expect(await differences()).toBe(0);
      const ended = lives.filter(({ end, isRepeated }) => end !== "lost" && (end !== "WAITING" || isRepeated)).length;
      const { rows } = await owner.query<{ n: number; used: number }>(
        `SELECT (SELECT coalesce(sum(executions), 0)::int FROM usage_days WHERE tenant_id = ANY ($1)) AS n, (SELECT coalesce(sum(used), 0)::int FROM usage_windows WHERE tenant_id = ANY ($1)) AS used`,
        [tenants.map(({ tenantId }) => tenantId)],
      );
      expect(rows).toEqual([{ n: ended, used: ended }]);
    }),
    { numRuns: 8 },
  );
});

test("the reconciliation finds what does not balance", async () => {
  const { tenantId, ...workflow } = await seedWorkflow(owner, GRAPH);
  const [executionId = ""] = await queueExecutions(app, { tenantId, ...workflow }, [{}]);
  const epoch = await claimOne(tenantId, executionId);
  await recordNodes(app, [rowOf(tenantId, executionId, epoch, { usage: { egressBytes: 5 } })]);
  await settle(tenantId, executionId, epoch, { status: "SUCCESS", output: null });
  await rollAll();
  const found = async (): Promise<string[]> =>
    (await system.query<{ measure: string }>("SELECT measure FROM fluxo_usage_differences(date_trunc('hour', now()) - interval '1 hour', now() + interval '1 hour') WHERE tenant_id = $1", [tenantId])).rows.map(({ measure }) => measure);
  expect(await found()).toEqual([]);
  const summed = (table: string, column: string, measures: string[]): [string, string, string[]][] => {
    const add = (sign: string): string => `UPDATE ${table} SET ${column} = ${column} ${sign} 1 WHERE tenant_id = $1 AND node_type = ''`;
    return [[add("+"), add("-"), measures]];
  };
  const breakings: [string, string, string[]][] = [
    ...summed("usage_hours", "executions", ["daysExecutions", "rolledExecutions"]),
    ...summed("usage_hours", "node_executions", ["daysNodeExecutions", "rolledNodeExecutions"]),
    ...summed("usage_hours", "ai_input_tokens", ["daysAiTokens", "rolledAiTokens"]),
    ...summed("usage_hours", "ai_output_tokens", ["daysAiTokens", "rolledAiTokens"]),
    ...summed("usage_hours", "ai_cost_micros", ["daysAiCostMicros", "rolledAiCostMicros"]),
    ...summed("usage_hours", "egress_bytes", ["daysEgressBytes", "rolledEgressBytes"]),
    ...summed("usage_hours", "storage_bytes", ["daysStorageBytes", "rolledStorageBytes"]),
    ...summed("usage_days", "executions", ["daysExecutions"]),
    ...summed("usage_days", "node_executions", ["daysNodeExecutions"]),
    ...summed("usage_days", "ai_input_tokens", ["daysAiTokens"]),
    ...summed("usage_days", "ai_output_tokens", ["daysAiTokens"]),
    ...summed("usage_days", "ai_cost_micros", ["daysAiCostMicros"]),
    ...summed("usage_days", "egress_bytes", ["daysEgressBytes"]),
    ...summed("usage_days", "storage_bytes", ["daysStorageBytes", "storageBytes"]),
    ["UPDATE node_executions SET status = 'SKIPPED' WHERE tenant_id = $1", "UPDATE node_executions SET status = 'SUCCESS' WHERE tenant_id = $1", ["egressBytes", "nodeExecutions"]],
  ];
  for (const [breakIt, mendIt, measures] of breakings) {
    await owner.query(breakIt, [tenantId]);
    expect(await found(), breakIt).toEqual(measures);
    await owner.query(mendIt, [tenantId]);
  }
});

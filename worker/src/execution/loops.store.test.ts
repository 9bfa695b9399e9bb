import { at } from "@fluxo/core/collections";
import type { HttpPort } from "@fluxo/core/ports/http";
import { queueExecutions, seedWorkflow, type SeededWorkflow } from "@fluxo/prisma/testing/seed";
import { countQueries } from "@fluxo/prisma/testing/statements";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { createGuardedClient } from "@fluxo/runtime/http/guarded-client";
import { startSink, type Sink } from "@fluxo/test/support/sink";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Engine } from "./engine.ts";
import { PARALLEL_NODES_MAX } from "./limits.ts";
import { createEngine } from "./testing/pod.ts";

const ITEMS = 200;

const pools = await useTestDatabase();
const { owner, app } = pools;
let sink: Sink;
const asked = countQueries(app);

beforeAll(async () => {
  sink = await startSink();
});

afterAll(() => sink.stop());

/** A worker of its own owner name, as one pod would be. */
function createWorker(name: string, onRequest: (url: string) => Promise<void> = () => Promise.resolve()): Engine {
  const client = createGuardedClient({ allowedPrivateHosts: [`127.0.0.1:${sink.port}`] });
  const http: HttpPort = {
    send: async (request) => {
      await onRequest(request.url);
      return client.send(request);
    },
  };
  return createEngine(pools, name, { leaseMs: 60_000, reach: { http } });
}

type GraphInput = Parameters<typeof seedWorkflow>[1];

function loopGraph(each: object, body: GraphInput["nodes"], edges: readonly (readonly [from: string, to: string, port?: string])[]): GraphInput {
  return {
    nodes: [{ id: "start", type: "trigger.manual" }, { id: "each", type: "for-each", ...each }, ...body, { id: "after", type: "set", params: { fields: { count: "{{ each.count }}", failed: "{{ each.failed }}", last: "{{ each.results | last }}" } } }],
    edges: [["start", "each"] as const, ["each", "after"] as const, ...edges].map(([from, to, port]) => ({ from, to, port: port ?? "main" })),
  };
}

async function queueOne(workflow: SeededWorkflow, input: { items: unknown[] }): Promise<string> {
  return at(await queueExecutions(app, workflow, [JSON.parse(JSON.stringify(input))]), 0);
}

async function recordOf(id: string): Promise<{ status: string; reason: string | null; output: unknown; resume_at: Date | null }> {
  const { rows } = await owner.query("SELECT status, reason, output, resume_at FROM executions WHERE id = $1", [id]);
  return rows[0];
}

async function rowsOf(id: string, nodeId: string): Promise<{ item: number; status: string; epoch: number; output: unknown; attempt: number }[]> {
  const { rows } = await owner.query(
    "SELECT n.item, n.status, n.epoch, coalesce(n.output, p.body) AS output, n.attempt FROM node_executions n LEFT JOIN payloads p ON p.id = n.output_ref WHERE n.execution_id = $1 AND n.node_id = $2 ORDER BY n.item",
    [id, nodeId],
  );
  return rows;
}

test("a worker that dies in the middle of 200 items: the next one goes on from the journal, and each committed item acted once", async () => {
  const path = "/echo/loop-crash";
  const workflow = await seedWorkflow(owner, loopGraph({ params: { items: "{{ trigger.items }}", concurrency: 8 } }, [
    { id: "call", type: "http.request", params: { url: `${sink.url}${path}`, method: "POST", body: { item: "{{ item.id }}", index: "{{ loop.index }}" } } },
    { id: "keep", type: "set", params: { fields: { id: "{{ item.id }}", of: "{{ loop.count }}" } } },
  ], [["each", "call", "item"], ["call", "keep"]]));
  const id = await queueOne(workflow, { items: Array.from({ length: ITEMS }, (_, index) => ({ id: `item-${index}` })) });
  let calls = 0;
  const heir = createWorker("heir");
  let takeover: Promise<unknown> | undefined;
  const dying = createWorker("dying", async () => {
    calls += 1;
    if (calls < ITEMS / 2) return;
    takeover ??= (async () => {
      expect(at(await rowsOf(id, "each"), 0), "the items are in the journal before any of them is worked").toMatchObject({ item: 0, status: "RUNNING", output: { concurrency: 8 } });
      await owner.query("UPDATE executions SET lease_until = now() - interval '1 second' WHERE id = $1", [id]);
      await heir.claimAndRun(workflow.tenantId, [id]);
    })();
    await takeover;
  });
  await dying.claimAndRun(workflow.tenantId, [id]);
  await takeover;
  expect(await recordOf(id)).toMatchObject({ status: "SUCCESS", output: { results: { after: { count: ITEMS, failed: [], last: { id: `item-${ITEMS - 1}`, of: ITEMS } } } } });
  const rows = await rowsOf(id, "call");
  expect(rows.map(({ item, status, attempt }) => [item, status, attempt])).toEqual(Array.from({ length: ITEMS }, (_, item) => [item, "SUCCESS", 1]));
  const firstEpoch = rows.filter(({ epoch }) => epoch === 1);
  expect(firstEpoch.length).toBeGreaterThan(ITEMS / 4);
  expect(firstEpoch.length).toBeLessThan(ITEMS);
  const keys = sink.received(path).map(({ headers }) => headers["idempotency-key"]);
  expect(new Set(keys)).toEqual(new Set(rows.map(({ item }) => `${id}:call:${item}`)));
  for (const { item } of firstEpoch) expect(keys.filter((key) => key === `${id}:call:${item}`)).toHaveLength(1);
  expect(keys.length - ITEMS).toBeLessThanOrEqual(PARALLEL_NODES_MAX);
  expect(at(await rowsOf(id, "each"), 0).output).toMatchObject({ results: Array.from({ length: ITEMS }, (_, index) => ({ id: `item-${index}`, of: ITEMS })), failed: [], count: ITEMS });
});

test("items of one turn share their statements", async () => {
  const workflow = await seedWorkflow(owner, loopGraph({ params: { items: "{{ trigger.items }}", concurrency: 10 } }, [{ id: "keep", type: "set", params: { fields: { n: "{{ item }}" } } }], [["each", "keep", "item"]]));
  const id = await queueOne(workflow, { items: Array.from({ length: ITEMS }, (_, index) => index) });
  asked.count = 0;
  await createWorker("sharing").claimAndRun(workflow.tenantId, [id]);
  expect(await recordOf(id)).toMatchObject({ status: "SUCCESS" });
  // Ten items at a time: a statement for each ten, and claim, version, trigger, items, end, after, settle.
  expect(asked.count).toBeLessThanOrEqual((2 * ITEMS) / 10 + 10);
});

test("a delay in a body suspends the execution when nothing else is left, and each item goes on after its time", async () => {
  const workflow = await seedWorkflow(owner, loopGraph({ params: { items: [1, 2, 3], concurrency: 2 } }, [
    { id: "pause", type: "delay", params: { durationMs: 200 } },
    { id: "call", type: "http.request", params: { url: `${sink.url}/echo/loop-delay`, method: "POST", body: { item: "{{ item }}" } } },
  ], [["each", "pause", "item"], ["pause", "call"]]));
  const id = await queueOne(workflow, { items: [] });
  const engine = createWorker("delayed");
  await engine.claimAndRun(workflow.tenantId, [id]);
  expect(await recordOf(id)).toMatchObject({ status: "WAITING", reason: "DELAY" });
  expect((await rowsOf(id, "pause")).map(({ item, status }) => [item, status])).toEqual([[0, "WAITING"], [1, "WAITING"]]);
  const slots = await owner.query("SELECT used FROM concurrency_slots WHERE tenant_id = $1", [workflow.tenantId]);
  expect(slots.rows[0].used).toBe(0);
  await expect.poll(async () => {
    await engine.claimAndRun(workflow.tenantId, [id]);
    return (await recordOf(id)).status;
  }, { interval: 50 }).toBe("SUCCESS");
  expect((await rowsOf(id, "call")).map(({ item, status }) => [item, status])).toEqual([[0, "SUCCESS"], [1, "SUCCESS"], [2, "SUCCESS"]]);
  const keys = sink.received("/echo/loop-delay").map(({ headers }) => headers["idempotency-key"]);
  expect([keys.length, new Set(keys)]).toEqual([3, new Set([0, 1, 2].map((item) => `${id}:call:${item}`))]);
});

test("failures of items by policy, and branches pruned per item", async () => {
  const body: GraphInput["nodes"] = [
    { id: "route", type: "if", params: { conditions: [{ left: "{{ item }}", operator: "equals", right: "bad" }] } },
    { id: "bad", type: "http.request", params: { url: `${sink.url}/status/404` } },
    { id: "good", type: "set", params: { fields: { item: "{{ item }}" } } },
  ];
  const edges = [["each", "route", "item"], ["route", "bad", "true"], ["route", "good", "false"]] as const;
  const engine = createWorker("failing");
  const run = async (onItemError: string): Promise<string> => {
    const workflow = await seedWorkflow(owner, loopGraph({ params: { items: ["a", "bad", "c"], onItemError } }, body, edges));
    const id = await queueOne(workflow, { items: [] });
    await engine.claimAndRun(workflow.tenantId, [id]);
    return id;
  };
  const goesOn = await run("continue");
  expect(await recordOf(goesOn)).toMatchObject({ status: "SUCCESS", output: { results: { after: { failed: [{ index: 1, failure: { nodeId: "bad", code: "PROVIDER_REJECTED" } }], last: { item: "c" } } }, failures: [{ nodeId: "bad", code: "PROVIDER_REJECTED" }] } });
  expect((await rowsOf(goesOn, "good")).map(({ item, status }) => [item, status])).toEqual([[0, "SUCCESS"], [1, "SKIPPED"], [2, "SUCCESS"]]);
  expect((await rowsOf(goesOn, "bad")).map(({ item, status }) => [item, status])).toEqual([[0, "SKIPPED"], [1, "FAILED"], [2, "SKIPPED"]]);
  const stops = await run("stop");
  expect(await recordOf(stops)).toMatchObject({ status: "FAILED", output: { failures: [{ nodeId: "each", code: "PROVIDER_REJECTED" }, { nodeId: "bad" }] } });
  expect((await rowsOf(stops, "route")).map(({ item }) => item)).toEqual([0, 1]);
});

test("the winner of a merge of the first branch is in the journal before anything uses it, and a restart keeps it", async () => {
  const graph: GraphInput = {
    nodes: [
      { id: "start", type: "trigger.manual" },
      { id: "fast", type: "http.request", params: { url: `${sink.url}/echo/merge-fast`, method: "POST", body: {} } },
      { id: "slow", type: "http.request", params: { url: `${sink.url}/slow/300/merge-slow`, method: "POST", body: {} } },
      { id: "first", type: "merge", params: { mode: "first" } },
      { id: "use", type: "http.request", params: { url: `${sink.url}/echo/merge-use/{{ first.nodeId }}`, method: "POST", body: {} } },
    ],
    edges: [["start", "fast"], ["start", "slow"], ["fast", "first"], ["slow", "first"], ["first", "use"]].map(([from, to]) => ({ from: from ?? "", to: to ?? "" })),
  };
  const workflow = await seedWorkflow(owner, graph);
  const id = await queueOne(workflow, { items: [] });
  const heir = createWorker("merge-heir");
  let takeover: Promise<unknown> | undefined;
  const dying = createWorker("merge-dying", async (url) => {
    if (!url.includes("merge-use")) return;
    takeover ??= (async () => {
      expect((await rowsOf(id, "first")).map(({ status, output }) => [status, (output as { nodeId: string }).nodeId])).toEqual([["SUCCESS", "fast"]]);
      await owner.query("UPDATE executions SET lease_until = now() - interval '1 second' WHERE id = $1", [id]);
      await heir.claimAndRun(workflow.tenantId, [id]);
    })();
    await takeover;
  });
  await dying.claimAndRun(workflow.tenantId, [id]);
  await takeover;
  expect(await recordOf(id)).toMatchObject({ status: "SUCCESS" });
  expect((await rowsOf(id, "first")).map(({ status, epoch }) => [status, epoch])).toEqual([["SUCCESS", 1]]);
  expect(sink.received("/echo/merge-use/slow")).toEqual([]);
  expect(sink.received("/echo/merge-fast")).toHaveLength(1);
});

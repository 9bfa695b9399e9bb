import { at } from "@fluxo/core/collections";
import type { HttpPort } from "@fluxo/core/ports/http";
import { nodeTiers } from "@fluxo/nodes/catalog";
import { createPool } from "@fluxo/prisma/database/pool";
import { uuidV7 } from "@fluxo/prisma/ids";
import { queueExecutions, seedWorkflow, type SeededWorkflow } from "@fluxo/prisma/testing/seed";
import { systemClock } from "@fluxo/runtime/clock";
import { createGuardedClient } from "@fluxo/runtime/http/guarded-client";
import { createLogger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { createTestDatabase, type TestDatabase } from "@fluxo/test/support/database";
import { startSink, type Sink } from "@fluxo/test/support/sink";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createNodePorts } from "../node-ports/node-ports.ts";
import { Engine } from "./engine.ts";
import { createExecutionStore } from "./execution-store.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { PARALLEL_NODES_MAX } from "./limits.ts";

const ITEMS = 200;

let database: TestDatabase;
let sink: Sink;
let owner: pg.Pool;
let app: pg.Pool;
let system: pg.Pool;
let statements = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  sink = await startSink();
  owner = new pg.Pool({ connectionString: database.ownerUrl, max: 2 });
  app = createPool({ connectionString: database.appUrl, applicationName: "test", max: 5, role: "fluxo_app" });
  system = createPool({ connectionString: database.systemUrl, applicationName: "test", max: 2, role: "fluxo_system" });
  const query = app.query.bind(app) as (...args: unknown[]) => unknown;
  Object.assign(app, {
    query: (...args: unknown[]) => {
      statements += 1;
      return query(...args);
    },
  });
});

afterAll(async () => {
  await Promise.all([owner.end(), app.end(), system.end()]);
  await sink.stop();
  await database.drop();
});

/** A worker of its own owner name, as one pod would be. */
function createEngine(name: string, onRequest: (url: string) => Promise<void> = () => Promise.resolve()): Engine {
  const logger = createLogger({ service: "test", level: "fatal" });
  const metrics = createMetrics(createRegistry());
  const leases = new LeaseKeeper({ pool: system, owner: name, leaseMs: 60_000, clock: systemClock, logger, metrics });
  const store = createExecutionStore({ pool: app, owner: name, leaseMs: 60_000, nodeTiers: nodeTiers(), clock: systemClock, metrics });
  const client = createGuardedClient({ allowedPrivateHosts: [`127.0.0.1:${sink.port}`] });
  const http: HttpPort = {
    send: async (request) => {
      await onRequest(request.url);
      return client.send(request);
    },
  };
  return new Engine({ store, leases, ids: uuidV7, logger, announce: () => undefined, tools: { clock: systemClock, random: () => 0, ports: createNodePorts({ http }), metrics } });
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
  const heir = createEngine("heir");
  let takeover: Promise<unknown> | undefined;
  const dying = createEngine("dying", async () => {
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
  statements = 0;
  await createEngine("sharing").claimAndRun(workflow.tenantId, [id]);
  expect(await recordOf(id)).toMatchObject({ status: "SUCCESS" });
  // Ten items at a time: a statement for each ten, and claim, version, trigger, items, end, after, settle.
  expect(statements).toBeLessThanOrEqual((2 * ITEMS) / 10 + 10);
});

test("a delay in a body suspends the execution when nothing else is left, and each item goes on after its time", async () => {
  const workflow = await seedWorkflow(owner, loopGraph({ params: { items: [1, 2, 3], concurrency: 2 } }, [
    { id: "pause", type: "delay", params: { durationMs: 200 } },
    { id: "call", type: "http.request", params: { url: `${sink.url}/echo/loop-delay`, method: "POST", body: { item: "{{ item }}" } } },
  ], [["each", "pause", "item"], ["pause", "call"]]));
  const id = await queueOne(workflow, { items: [] });
  const engine = createEngine("delayed");
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
  const engine = createEngine("failing");
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
  const heir = createEngine("merge-heir");
  let takeover: Promise<unknown> | undefined;
  const dying = createEngine("merge-dying", async (url) => {
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

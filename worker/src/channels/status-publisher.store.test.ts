import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { NODE_STATUS_ENTRIES_MAX, NODE_STATUS_FIELD, NODE_STATUS_TTL_SECONDS, nodeStatusEntrySchema, nodeStatusStream, nodeStatusWakeChannel, type NodeChange, type NodeStatusEntry } from "@fluxo/contracts/channels/node-status";
import type { Clock } from "@fluxo/core/ports/clock";
import { queueExecutions, seedWorkflow } from "@fluxo/prisma/testing/seed";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { systemClock } from "@fluxo/runtime/clock";
import { createLogger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { createRedis, type RedisClient } from "@fluxo/runtime/redis";
import { ManualClock } from "@fluxo/runtime/testing/manual-clock";
import { PATIENCE_MS } from "@fluxo/test/support/eventually";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createEngine, deliver } from "../execution/testing/pod.ts";
import { StatusPublisher } from "./status-publisher.ts";

const logger = createLogger({ service: "test", level: "silent" });
const prefix = `channels-${randomUUID()}`;
const url = process.env["FLUXO_TEST_REDIS_URL"] ?? "";
const change: NodeChange = { nodeId: "a", item: 0, status: "RUNNING", attempt: 1, reason: null, errorCode: null, at: "2026-01-01T00:00:00.000Z" };

const pools = await useTestDatabase();
const redis = createRedis(url, { prefix, logger, role: "commands" });

beforeAll(() => redis.connect());
afterAll(() => redis.disconnect());

function publisherOn(client: RedisClient, waitingMax?: number, clock: Clock = systemClock) {
  const metrics = createMetrics(createRegistry());
  const publisher = new StatusPublisher({ redis: client, prefix, clock, logger, metrics, ...(waitingMax === undefined ? {} : { waitingMax }) });
  const dropped = async (): Promise<Record<string, number>> => Object.fromEntries((await metrics.nodeChangesDropped.get()).values.map(({ labels, value }) => [String(labels["reason"]), value]));
  return { publisher, dropped };
}

async function entriesOf(tenantId: string, executionId: string): Promise<NodeStatusEntry[]> {
  const rows = await redis.xrange(nodeStatusStream(tenantId, executionId), "-", "+");
  return rows.map(([, fields]) => nodeStatusEntrySchema.parse(JSON.parse(fields[fields.indexOf(NODE_STATUS_FIELD) + 1] ?? "")));
}

const told = (entry: NodeStatusEntry): string => (entry.type === "gap" ? "gap" : entry.type === "execution" ? entry.change.status : `${entry.change.nodeId} ${entry.change.status} ${entry.change.attempt}`);

test("an execution tells every change of its nodes and its own, in order and without outputs", async () => {
  const graph = {
    nodes: [
      { id: "start", type: "trigger.manual" },
      { id: "check", type: "if", params: { conditions: [{ left: "a", operator: "equals", right: "a" }] } },
      { id: "yes", type: "set", params: { fields: { secret: "value" } } },
      { id: "no", type: "set", params: { fields: {} } },
    ],
    edges: [{ from: "start", to: "check" }, { from: "check", port: "true", to: "yes" }, { from: "check", port: "false", to: "no" }],
  };
  const seeded = await seedWorkflow(pools.owner, graph);
  const [executionId = ""] = await queueExecutions(pools.app, seeded, [{}]);
  const { publisher } = publisherOn(redis);
  await deliver(pools, createEngine(pools, "watched", { channel: publisher }));
  await publisher.drain();
  const entries = await entriesOf(seeded.tenantId, executionId);
  expect(entries.map(told).filter((text) => !text.startsWith("start"))).toEqual(["RUNNING", "check RUNNING 1", "check SUCCESS 1", "no SKIPPED 0", "yes RUNNING 1", "yes SUCCESS 1", "SUCCESS"]);
  expect(entries.every((entry) => entry.tenantId === seeded.tenantId && entry.executionId === executionId)).toBe(true);
  expect(JSON.stringify(entries)).not.toContain("value");
  expect(await redis.ttl(nodeStatusStream(seeded.tenantId, executionId))).toBeGreaterThan(NODE_STATUS_TTL_SECONDS - 60);
});

test("a failure tells its code, a delay what is waited for", async () => {
  const graph = {
    nodes: [
      { id: "start", type: "trigger.manual" },
      { id: "later", type: "delay", params: { durationMs: 3_600_000 } },
      { id: "bad", type: "set", params: { fields: { x: "{{ trigger.missing }}" } } },
    ],
    edges: [{ from: "start", to: "later" }, { from: "later", to: "bad" }],
  };
  const seeded = await seedWorkflow(pools.owner, graph);
  const [executionId = ""] = await queueExecutions(pools.app, seeded, [{}]);
  const { publisher } = publisherOn(redis);
  await deliver(pools, createEngine(pools, "waiting", { channel: publisher }));
  await publisher.drain();
  expect((await entriesOf(seeded.tenantId, executionId)).slice(-2)).toMatchObject([{ change: { nodeId: "later", status: "WAITING", reason: "DELAY" } }, { change: { status: "WAITING", reason: "DELAY" } }]);
  await pools.owner.query("UPDATE executions SET resume_at = now() - interval '1 s' WHERE id = $1", [executionId]);
  await pools.owner.query(`UPDATE node_executions SET resume_at = now() - interval '1 s' WHERE execution_id = $1 AND resume_at IS NOT NULL`, [executionId]);
  await createEngine(pools, "waiting", { channel: publisher }).claimAndRun(seeded.tenantId, [executionId]);
  await publisher.drain();
  expect((await entriesOf(seeded.tenantId, executionId)).slice(-2)).toMatchObject([{ change: { nodeId: "bad", status: "FAILED", errorCode: "TEMPLATE_REFERENCE_MISSING" } }, { change: { status: "FAILED" } }]);
});

test("a stream keeps a bounded number of entries, and its readers are woken once per batch", async () => {
  const executionId = randomUUID();
  const of = { tenantId: randomUUID(), executionId };
  const subscriber = createRedis(url, { prefix, logger, role: "blocking" });
  const wakes: string[] = [];
  subscriber.on("message", (channel: string) => void wakes.push(channel));
  await subscriber.subscribe(`${prefix}:${nodeStatusWakeChannel(of.tenantId, executionId)}`);
  const { publisher } = publisherOn(redis);
  for (let index = 0; index < NODE_STATUS_ENTRIES_MAX * 2; index += 1) publisher.node(of, change);
  await publisher.drain();
  const length = await redis.xlen(nodeStatusStream(of.tenantId, executionId));
  expect(length).toBeGreaterThanOrEqual(NODE_STATUS_ENTRIES_MAX);
  expect(length).toBeLessThan(NODE_STATUS_ENTRIES_MAX * 1.2);
  await vi.waitFor(() => expect(wakes).toHaveLength(4), PATIENCE_MS);
  subscriber.disconnect();
});

test("what is too much at once is dropped and counted, and a gap says so before the next change", async () => {
  const of = { tenantId: randomUUID(), executionId: randomUUID() };
  const { publisher, dropped } = publisherOn(redis, 3);
  for (let attempt = 1; attempt <= 5; attempt += 1) publisher.node(of, { ...change, attempt });
  await publisher.drain();
  expect(await dropped()).toEqual({ full: 2 });
  publisher.node(of, { ...change, attempt: 6 });
  await publisher.drain();
  publisher.node(of, { ...change, attempt: 7 });
  await publisher.drain();
  const texts = (await entriesOf(of.tenantId, of.executionId)).map(told);
  expect(texts.indexOf("gap")).toBeGreaterThanOrEqual(0);
  expect(texts.filter((text) => text !== "gap")).toEqual(["a RUNNING 1", "a RUNNING 2", "a RUNNING 3", "a RUNNING 6", "a RUNNING 7"]);
  expect(texts.filter((text) => text === "gap")).toHaveLength(1);
});

test("a Redis that is away costs an execution nothing but its channel", async () => {
  const away = createRedis("redis://127.0.0.1:1", { prefix, logger, role: "commands" });
  void away.connect().catch(() => undefined);
  const { publisher, dropped } = publisherOn(away);
  const seeded = await seedWorkflow(pools.owner, { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] });
  const [executionId = ""] = await queueExecutions(pools.app, seeded, [{}]);
  await deliver(pools, createEngine(pools, "alone", { channel: publisher }));
  const { rows } = await pools.owner.query<{ status: string }>("SELECT status FROM executions WHERE id = $1", [executionId]);
  expect(rows).toEqual([{ status: "SUCCESS" }]);
  expect((await dropped())["unavailable"]).toBeGreaterThanOrEqual(3);
  await publisher.drain();
  away.disconnect();
});

test("a Redis that hangs holds a bounded number of changes, and nobody waits", async () => {
  await using proxy = await startProxy();
  const slow = createRedis(proxy.url, { prefix, logger, role: "commands" });
  await slow.connect();
  proxy.hang();
  const clock = new ManualClock();
  const { publisher, dropped } = publisherOn(slow, 10, clock);
  const of = { tenantId: randomUUID(), executionId: randomUUID() };
  const begunAt = performance.now();
  for (let index = 0; index < 1_000; index += 1) {
    publisher.node(of, change);
    // The first six are on their way.
    if (index === 5) await clock.advance(10);
  }
  expect(performance.now() - begunAt).toBeLessThan(10_000);
  expect(await dropped()).toEqual({ full: 1_000 - 6 - 10 });
  proxy.resume();
  await publisher.drain();
  expect((await entriesOf(of.tenantId, of.executionId)).filter(({ type }) => type === "node")).toHaveLength(16);
  slow.disconnect();
});

/** A way to Redis whose answers can be held back. */
async function startProxy() {
  const sockets: Socket[] = [];
  const { hostname, port } = new URL(url);
  const server = createServer((socket) => {
    const upstream = connect(Number(port), hostname);
    socket.on("error", () => undefined);
    upstream.on("error", () => undefined);
    sockets.push(upstream, socket);
    socket.pipe(upstream).pipe(socket);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  return {
    url: `redis://127.0.0.1:${typeof address === "object" ? address?.port : ""}`,
    hang: () => sockets.filter((_, index) => index % 2 === 0).forEach((upstream) => upstream.unpipe()),
    resume: () => sockets.forEach((upstream, index) => index % 2 === 0 && upstream.pipe(sockets[index + 1] ?? upstream)),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

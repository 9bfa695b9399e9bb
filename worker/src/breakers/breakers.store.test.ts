import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { randomUUID } from "node:crypto";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { Clock } from "@fluxo/core/ports/clock";
import { uuidV7 } from "@fluxo/prisma/ids";
import { claimOutbox, markSent } from "@fluxo/prisma/relay/outbox";
import { sweep } from "@fluxo/prisma/relay/sweep";
import { addPlan, queueExecutions, seedWorkflow } from "@fluxo/prisma/testing/seed";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { systemClock } from "@fluxo/runtime/clock";
import { createLogger } from "@fluxo/runtime/logger";
import { createRedis, type RedisClient } from "@fluxo/runtime/redis";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Engine } from "../execution/engine.ts";
import { Breakers, listenForOutages } from "./breakers.ts";
import { OutageError } from "./outage-error.ts";
import { createEngine } from "../execution/testing/pod.ts";

const logger = createLogger({ service: "test", level: "fatal" });
const url = process.env["FLUXO_TEST_REDIS_URL"] ?? "";
const pools = await useTestDatabase();
let provider: Server;
let host: string;
let isDown = true;
/** The bodies of the requests, in the order in which they came. */
let calls: string[] = [];
let connections: RedisClient[] = [];
let offsetMs = 0;
const clock: Clock = { now: () => new Date(Date.now() + offsetMs), sleep: (ms, signal) => systemClock.sleep(ms, signal) };

beforeAll(async () => {
  provider = createServer((request, response) => {
    void request.toArray().then((chunks: Buffer[]) => {
      calls.push(Buffer.concat(chunks).toString());
      const [status, headers] = request.url === "/busy" ? [429, { "retry-after": "90000" }] : [isDown ? 503 : 200, {}];
      setTimeout(() => response.writeHead(status, { "content-type": "application/json", ...headers }).end("{}"), 20);
    });
  });
  await new Promise<void>((resolve) => provider.listen(0, "127.0.0.1", resolve));
  host = `127.0.0.1:${(provider.address() as AddressInfo).port}`;
});
beforeEach(() => {
  [isDown, calls, offsetMs] = [true, [], 0];
});
afterAll(async () => {
  for (const redis of connections) redis.disconnect();
  provider.closeAllConnections();
  await new Promise((resolve) => provider.close(resolve));
});

interface Worker {
  readonly engine: Engine;
  /** Messages about breakers that it heard. */
  readonly heard: () => number;
}

async function createWorker(prefix: string): Promise<Worker> {
  const name = randomUUID();
  const [redis, subscriber] = [createRedis(url, { prefix, logger, role: "commands" }), createRedis(url, { prefix, logger, role: "blocking" })];
  connections = [...connections, redis, subscriber];
  await redis.connect();
  const breakers = new Breakers({ redis, prefix, db: pools.app, clock, ids: uuidV7, logger });
  let heard = 0;
  await listenForOutages(subscriber, prefix, {
    hear: (text) => {
      heard += 1;
      breakers.hear(text);
    },
  });
  const engine = createEngine(pools, name, { clock, breakers, privateHosts: [host] });
  return { engine, heard: () => heard };
}

async function seed(concurrencyMax: number, path = "/orders") {
  const graph = {
    nodes: [
      { id: "start", type: "trigger.manual" },
      { id: "call", type: "http.request", params: { url: `http://${host}${path}`, method: "POST", body: "{{ trigger.n }}" }, retry: { maxAttempts: 10, initialDelayMs: 0 } },
    ],
    edges: [{ from: "start", to: "call" }],
  };
  return seedWorkflow(pools.owner, graph, await addPlan(pools.owner, { concurrencyMax, executionsPerMonth: 1_000 }));
}

/** Hands everything that is due to the workers, in turn, until the rest waits for the future. */
async function work(tenantId: string, workers: readonly Worker[]): Promise<void> {
  for (let round = 0; round < 100; round += 1) {
    await sweep(pools.system, 0, 1_000);
    const entries = await claimOutbox(pools.system, { owner: "relay", limit: 1_000, leaseMs: 60_000, outstandingMax: 1_000 });
    await markSent(pools.system, "relay", entries);
    const ids = entries.filter(({ deliverAt }) => deliverAt === null).map(({ executionId }) => executionId);
    await Promise.all(workers.map(({ engine }, turn) => engine.claimAndRun(tenantId, ids.filter((_id, index) => index % workers.length === turn))));
    const { rows } = await pools.owner.query<{ due: number }>("SELECT count(*)::int AS due FROM executions WHERE tenant_id = $1 AND completed_at IS NULL AND (resume_at IS NULL OR resume_at < now() - interval '1 second')", [tenantId]);
    if (rows[0]?.due === 0) return;
  }
  throw new Error("Something is due after 100 rounds.");
}

/** Lets time pass for the workers, and wakes all that waits: whether it is time for an attempt is the breaker's to say. */
async function pass(tenantId: string, ms: number): Promise<void> {
  offsetMs += ms;
  for (const table of ["executions", "node_executions"]) await pools.owner.query(`UPDATE ${table} SET resume_at = now() - interval '2 seconds' WHERE tenant_id = $1 AND resume_at IS NOT NULL`, [tenantId]);
}

async function statuses(tenantId: string): Promise<Record<string, number>> {
  const { rows } = await pools.owner.query<{ state: string; count: number }>("SELECT concat_ws(' ', status, reason) AS state, count(*)::int AS count FROM executions WHERE tenant_id = $1 GROUP BY 1", [tenantId]);
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
}

async function outages(tenantId: string): Promise<Record<string, unknown>[]> {
  const { rows } = await pools.owner.query<Record<string, unknown>>("SELECT id, key_kind, host, integration, closed_by, error_class, error_code, affected FROM outages WHERE tenant_id = $1 ORDER BY id", [tenantId]);
  return rows;
}

test("two workers stop calling what fails, probe it one at a time, and let everything go on in its order when it works again", async () => {
  const prefix = randomUUID();
  const workers = [await createWorker(prefix), await createWorker(prefix)];
  const bystander = await createWorker(prefix);
  const { tenantId, ...workflow } = await seed(4);
  const ids = await queueExecutions(pools.app, { tenantId, ...workflow }, Array.from({ length: 24 }, (_each, n) => ({ n })));
  await work(tenantId, workers);
  // Five open it; the others of the four slots may have been on their way.
  expect(calls.length).toBeGreaterThanOrEqual(5);
  expect(calls.length).toBeLessThanOrEqual(8);
  expect(await statuses(tenantId)).toEqual({ "WAITING BACKOFF": 24 });
  expect(await outages(tenantId)).toMatchObject([{ key_kind: "host", host, integration: "http", closed_by: null, error_class: "SERVER", error_code: "PROVIDER_FAILED", affected: 24 }]);
  const { rows: waiting } = await pools.owner.query<{ status: string; reason: string; message: string; code: string }>(
    "SELECT status, reason, failure ->> 'message' AS message, failure ->> 'code' AS code FROM node_executions WHERE execution_id = $1 AND node_id = 'call'",
    [ids[0]],
  );
  expect(waiting).toMatchObject([{ status: "WAITING", reason: "BACKOFF", code: "INTEGRATION_OUTAGE" }]);
  expect(waiting[0]?.message).toMatch(new RegExp(String.raw`^Integration outage of host ${host} since \d{4}-.*Z \(PROVIDER_FAILED\)\.$`));

  // A worker that saw no failure has heard of it.
  await expect.poll(bystander.heard).toBeGreaterThanOrEqual(1);
  calls = [];
  await queueExecutions(pools.app, { tenantId, ...workflow }, [{ n: 24 }]);
  await work(tenantId, [bystander]);
  expect(calls).toEqual([]);

  await pass(tenantId, 5_000);
  await work(tenantId, workers);
  expect(calls).toEqual([]);
  for (const waitMs of [35_000, 70_000]) {
    calls = [];
    await pass(tenantId, waitMs);
    await work(tenantId, workers);
    expect(calls).toHaveLength(1);
  }

  isDown = false;
  calls = [];
  await pass(tenantId, 130_000);
  await work(tenantId, workers);
  await pass(tenantId, 10_000);
  await work(tenantId, workers);
  expect(await statuses(tenantId)).toEqual({ SUCCESS: 25 });
  expect(calls).toHaveLength(25);
  expect(await outages(tenantId)).toMatchObject([{ closed_by: "PROBE", affected: 25 }]);
  const { rows: attempts } = await pools.owner.query<{ most: number }>("SELECT max(attempt) AS most FROM node_executions WHERE tenant_id = $1", [tenantId]);
  // What was not attempted used no attempt up: 5 to 8 failures and two probes are all there were.
  expect(attempts[0]?.most).toBeLessThanOrEqual(10);
});

test("when an outage ends, the executions are due again in the order in which they were queued", async () => {
  const workers = [await createWorker(randomUUID())];
  const { tenantId, ...workflow } = await seed(1);
  const ids = await queueExecutions(pools.app, { tenantId, ...workflow }, Array.from({ length: 6 }, (_each, n) => ({ n })));
  await work(tenantId, workers);
  expect(await statuses(tenantId)).toEqual({ "WAITING BACKOFF": 6 });
  const { rows: ranked } = await pools.owner.query<{ id: string }>("SELECT e.id FROM executions e WHERE tenant_id = $1 ORDER BY resume_at, id", [tenantId]);
  expect(ranked.map(({ id }) => id)).toEqual(ids);
  const [outage] = await outages(tenantId);
  const { rows: closed } = await pools.app.query<{ count: number | null }>("SELECT fluxo_close_outage($1, $2, 'MANUAL', 20) AS count", [tenantId, outage?.["id"]]);
  expect(closed).toEqual([{ count: 6 }]);
  const { rows: due } = await pools.owner.query<{ id: string; at: Date }>("SELECT id, resume_at AS at FROM executions WHERE tenant_id = $1 ORDER BY resume_at, id", [tenantId]);
  expect(due.map(({ id }) => id)).toEqual(ids);
  expect(new Set(due.map(({ at }) => at.getTime())).size).toBe(6);
  const { rows: again } = await pools.app.query<{ count: number | null }>("SELECT fluxo_close_outage($1, $2, 'MANUAL', 20) AS count", [tenantId, outage?.["id"]]);
  expect(again).toEqual([{ count: null }]);
});

test("what Redis lost is closed, and its record ends with the next call", async () => {
  const prefix = randomUUID();
  const worker = await createWorker(prefix);
  const { tenantId, ...workflow } = await seed(1);
  await queueExecutions(pools.app, { tenantId, ...workflow }, [{ n: 0 }, { n: 1 }]);
  await work(tenantId, [worker]);
  expect(calls).toHaveLength(5);
  const plain = createRedis(url, { prefix, logger, role: "queue" });
  connections = [...connections, plain];
  expect(await plain.del(`${prefix}:breakers:${tenantId}:host:${host}`)).toBe(1);
  isDown = false;
  await pass(tenantId, 40_000);
  await work(tenantId, [worker]);
  await pass(tenantId, 10_000);
  await work(tenantId, [worker]);
  expect(await statuses(tenantId)).toEqual({ SUCCESS: 2 });
  expect(await outages(tenantId)).toMatchObject([{ closed_by: "LOST" }]);
});

test("a provider that asks to wait for days is asked again after one", async () => {
  const worker = await createWorker(randomUUID());
  const { tenantId, ...workflow } = await seed(1, "/busy");
  await queueExecutions(pools.app, { tenantId, ...workflow }, [{ n: 0 }]);
  await work(tenantId, [worker]);
  expect(calls).toHaveLength(1);
  expect(await statuses(tenantId)).toEqual({ "WAITING BACKOFF": 1 });
  const { rows } = await pools.owner.query<{ hours: number; attempt: number; code: string }>(
    "SELECT extract(epoch FROM n.resume_at - n.started_at)::float8 / 3600 AS hours, n.attempt, n.failure ->> 'code' AS code FROM node_executions n WHERE n.tenant_id = $1 AND n.node_id = 'call'",
    [tenantId],
  );
  expect(rows).toMatchObject([{ attempt: 1, code: "PROVIDER_RATE_LIMITED" }]);
  expect(rows[0]?.hours).toBeCloseTo(24, 1);
  expect(await outages(tenantId)).toEqual([]);
});

const credential = { integration: "http", credentials: [{ param: "credential", kinds: ["bearer"] }] } as const;
const rejected = new NodeError("no", { errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED" });

/** Breakers of so many workers of one installation. */
async function createBreakers(count: number): Promise<Breakers[]> {
  const prefix = randomUUID();
  const clients = Array.from({ length: count }, () => createRedis(url, { prefix, logger, role: "commands" }));
  connections = [...connections, ...clients];
  await Promise.all(clients.map((redis) => redis.connect()));
  return clients.map((redis) => new Breakers({ redis, prefix, db: pools.app, clock, ids: uuidV7, logger }));
}

test("a credential that is refused three times in a row is not used again, by nobody but one probe at a time; others of the tenant are", async () => {
  const { tenantId } = await seed(1);
  const credentialId = randomUUID();
  await pools.owner.query("INSERT INTO tenant_keys (tenant_id, version, root_key_id, wrapped) VALUES ($1, 1, 'root', '')", [tenantId]);
  await pools.owner.query("INSERT INTO credentials (tenant_id, id, name, kind, fields, sealed_secrets, secret_names, key_version) VALUES ($1, $2, 'Shop', 'bearer', '{}', '', '{}', 1)", [tenantId, credentialId]);
  const call = { tenantId, executionId: randomUUID(), definition: credential, params: { credential: credentialId }, timeoutMs: 1_000, signal: new AbortController().signal };
  const workers = await createBreakers(4);
  const [first] = workers;
  for (const worker of workers.slice(0, 3)) await expect(worker.run(call, () => Promise.reject(rejected))).rejects.toBe(rejected);
  // The fourth has not heard of it: its first failure is how it learns.
  await expect(workers[3]?.run(call, () => Promise.reject(rejected))).rejects.toBe(rejected);
  expect(await outages(tenantId)).toMatchObject([{ key_kind: "credential", host: null, closed_by: null, error_class: "CREDENTIAL" }]);
  for (const worker of workers.slice(2)) await expect(worker.run(call, () => Promise.resolve("called"))).rejects.toBeInstanceOf(OutageError);
  expect(await first?.run({ ...call, params: { credential: randomUUID() } }, () => Promise.resolve("called"))).toBe("called");

  offsetMs += 40_000;
  let [inWork, most, made] = [0, 0, 0];
  const attempt = async (): Promise<never> => {
    made += 1;
    inWork += 1;
    most = Math.max(most, inWork);
    await systemClock.sleep(30);
    inWork -= 1;
    throw rejected;
  };
  const ends = await Promise.allSettled(Array.from({ length: 20 }, () => workers.slice(2).map((worker) => worker.run(call, attempt))).flat());
  expect([most, made]).toEqual([1, 1]);
  expect(ends.filter(({ status }) => status === "rejected")).toHaveLength(40);

  offsetMs += 70_000;
  expect(await workers[2]?.run(call, () => Promise.resolve("healed"))).toBe("healed");
  expect(await outages(tenantId)).toMatchObject([{ closed_by: "PROBE" }]);
  expect(await workers[3]?.run(call, () => Promise.resolve("called"))).toBe("called");
});

test("without Redis every attempt is made", async () => {
  const redis = createRedis("redis://127.0.0.1:1", { prefix: "none", logger, role: "commands" });
  const breakers = new Breakers({ redis, prefix: "none", db: pools.app, clock, ids: uuidV7, logger });
  const call = { tenantId: randomUUID(), executionId: randomUUID(), definition: { integration: "http" }, params: { url: `http://${host}/` }, timeoutMs: 1_000, signal: new AbortController().signal };
  const down = new NodeError("down", { errorClass: "SERVER", code: "PROVIDER_FAILED" });
  for (let count = 0; count < 10; count += 1) await expect(breakers.run(call, () => Promise.reject(down))).rejects.toBe(down);
  redis.disconnect();
});

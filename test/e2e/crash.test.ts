import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, type Client, type Published, type Tenant } from "@fluxo/test/support/client";
import { eventually } from "@fluxo/test/support/eventually";
import { chain, MANUAL, post, set, SIGNED_WEBHOOK } from "@fluxo/test/support/graphs";
import { deliver, type HookAnswer } from "@fluxo/test/support/hooks";
import { startSink, type Sink } from "@fluxo/test/support/sink";
import { startSystem, type System } from "@fluxo/test/support/system";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

const LONG_MS = 300_000;
const SERVICES = ["api", "ingress", "relay", "worker"] as const;
const dir = mkdtempSync(join(tmpdir(), "fluxo-crash-"));
let sink: Sink;
let system: System;
let client: Client;

beforeAll(async () => {
  sink = await startSink();
  system = await startSystem({
    dir,
    allowedPrivateHosts: [`127.0.0.1:${sink.port}`],
    // Without the fast lane all starts depend on the outbox and its relay, which is what these tests take apart.
    extraEnv: { WORKER_LEASE_MS: "3000", WORKER_STOP_DEADLINE_MS: "2500", RELAY_STALE_MS: "3000", FLUXO_FAST_LANE: "false" },
  });
  client = createClient({ ...system, sinkUrl: sink.url });
});

afterAll(async () => {
  await client?.close();
  await system?.stop();
  await sink?.stop();
  if (process.env["FLUXO_KEEP_LOGS"] === undefined) rmSync(dir, { recursive: true, force: true });
  else console.log(`Logs are in ${dir}.`);
});

/** What a failed test left stopped is started, so that the next one tells of itself. */
afterEach(async () => {
  for (const name of SERVICES) if (!system.isRunning(name)) await system.start(name);
});

/** Keys of the requests that the sink received under a path. */
function keysAt(path: string): (string | string[] | undefined)[] {
  return sink.received(path).map(({ headers }) => headers["idempotency-key"]);
}

function waitForRequests(path: string, count: number): Promise<void> {
  return eventually(() => expect(sink.received(path).length).toBeGreaterThanOrEqual(count));
}

/** Under which epoch of the lease each node was recorded, in plan order. */
async function epochsOf(executionId: string): Promise<[string, number][]> {
  const rows = await client.sql<{ node_id: string; epoch: number }>("SELECT node_id, epoch FROM node_executions WHERE execution_id = $1 ORDER BY position", [executionId]);
  return rows.map(({ node_id, epoch }) => [node_id, epoch]);
}

/** Every execution of the tenant ended once, and nothing is held or counted twice. */
async function expectAllEnded(tenant: Tenant, ids: readonly string[]): Promise<void> {
  for (const id of ids) await tenant.waitForStatus(id, "SUCCESS");
  expect((await tenant.executions()).map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
  expect(await tenant.usage()).toMatchObject({ executions: { used: ids.length, reserved: 0 }, concurrency: { running: 0 } });
}

test("SIGKILL of the worker between a side effect and its record: the execution ends, the sink sees one key twice, what was recorded is not repeated", { timeout: LONG_MS }, async () => {
  const tenant = await client.createTenant();
  const [first, second] = [`/echo/${tenant.id}/first`, `/stall/1/${tenant.id}/second`];
  const executionId = await tenant.run(chain(MANUAL, post("first", `${sink.url}${first}`), post("second", `${sink.url}${second}`), set("after", { received: "{{ second.body.received }}" })));
  const guardedPath = `/stall/1/${tenant.id}/guarded`;
  const guarded = await tenant.run(chain(MANUAL, { id: "act", type: "http.request", params: { method: "POST", url: `${sink.url}${guardedPath}`, onUncertain: "fail" } }));
  await Promise.all([waitForRequests(second, 1), waitForRequests(guardedPath, 1)]);
  await system.kill("worker");
  expect((await tenant.execution(executionId)).status).toBe("RUNNING");
  await system.start("worker");

  expect((await tenant.waitForStatus(executionId, "SUCCESS")).output).toEqual({ results: { after: { received: 2 } }, failures: [] });
  expect(keysAt(first)).toEqual([`${executionId}:first:0`]);
  expect(keysAt(second)).toEqual([`${executionId}:second:0`, `${executionId}:second:0`]);
  expect(await epochsOf(executionId)).toEqual([["start", 1], ["first", 1], ["second", 2], ["after", 2]]);

  // An act that must not be repeated is not: its intent was recorded, its outcome is unknown.
  expect(await tenant.waitForStatus(guarded, "FAILED")).toMatchObject({ error: { code: "SIDE_EFFECT_UNCERTAIN", nodeId: "act" } });
  expect(keysAt(guardedPath)).toHaveLength(1);
  expect(await tenant.usage()).toMatchObject({ executions: { used: 2, reserved: 0 }, concurrency: { running: 0 } });
});

test("SIGTERM of the worker: what can finish does, what takes longer is handed over, what comes meanwhile waits; nothing is lost", { timeout: LONG_MS }, async () => {
  const tenant = await client.createTenant();
  const [shortPath, longPath] = [`/slow/1200/${tenant.id}/short`, `/stall/1/${tenant.id}/long`];
  const [short, long] = await Promise.all([shortPath, longPath].map((path) => tenant.run(chain(MANUAL, post("call", `${sink.url}${path}`), set("after"))))) as [string, string];
  await Promise.all([waitForRequests(shortPath, 1), waitForRequests(longPath, 1)]);
  const begunAt = performance.now();
  expect(await system.terminate("worker")).toBe(0);
  expect(performance.now() - begunAt).toBeLessThan(15_000);

  expect((await tenant.execution(short)).status).toBe("SUCCESS");
  expect(await epochsOf(short)).toEqual([["start", 1], ["call", 1], ["after", 1]]);
  expect((await tenant.execution(long)).status).toBe("RUNNING");
  const [lease] = await client.sql<{ is_free: boolean }>("SELECT lease_until <= now() AS is_free FROM executions WHERE id = $1", [long]);
  expect(lease?.is_free).toBe(true);

  const meanwhile = await tenant.run(chain(MANUAL, set("a")));
  await system.start("worker");
  await expectAllEnded(tenant, [short, long, meanwhile]);
  expect(await epochsOf(long)).toEqual([["start", 1], ["call", 2], ["after", 2]]);
  expect(keysAt(longPath)).toEqual([`${long}:call:0`, `${long}:call:0`]);
  expect(keysAt(shortPath)).toHaveLength(1);
});

test("a cancel asked for while no worker is there ends the execution when one comes back", { timeout: LONG_MS }, async () => {
  const tenant = await client.createTenant();
  const path = `/hang/${tenant.id}`;
  const executionId = await tenant.run(chain(MANUAL, post("call", `${sink.url}${path}`), set("after")));
  await waitForRequests(path, 1);
  await system.kill("worker");
  expect((await tenant.api.call("cancelExecution", { params: { executionId } })).status).toBe(202);
  await system.start("worker");
  await tenant.waitForStatus(executionId, "CANCELED");
  expect(keysAt(path)).toHaveLength(1);
});

/** A workflow whose executions each act once at the sink. */
async function actingWorkflow(tenant: Tenant): Promise<{ readonly workflow: Published; readonly path: string }> {
  const path = `/echo/${tenant.id}/act`;
  return { path, workflow: await tenant.publish(chain(SIGNED_WEBHOOK, post("act", `${sink.url}${path}`))) };
}

function deliveryIdsOf(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `msg_${n}`);
}

interface Burst {
  /** Answers with 2xx, as they come: each is a promise. */
  readonly promises: HookAnswer[];
  /** Attempts without any answer. */
  failures: number;
  /** When so many are promised; nobody who waits for it comes later than the next turn. */
  reached(count: number): Promise<void>;
  readonly isSent: Promise<unknown>;
}

/** Callers that send the deliveries, each one again until it is taken. */
function sendBurst(workflow: Published, deliveryIds: readonly string[], callers: number): Burst {
  const waiting = [...deliveryIds];
  const marks = new Map<number, PromiseWithResolvers<void>>();
  const reached = (count: number): Promise<void> => {
    const mark = Promise.withResolvers<void>();
    marks.set(count, mark);
    return mark.promise;
  };
  const send = async (id: string): Promise<void> => {
    const answer = await deliver(workflow, { id, body: { id } }).catch((error: unknown) => {
      burst.failures += 1;
      throw error;
    });
    if (answer.status !== 202 && answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
    burst.promises.push(answer);
    marks.get(burst.promises.length)?.resolve();
  };
  const call = async (): Promise<void> => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      const delivery = id;
      await eventually(() => send(delivery));
    }
  };
  const burst: Burst = { promises: [], failures: 0, reached, isSent: Promise.resolve().then(() => Promise.all(Array.from({ length: callers }, call))) };
  return burst;
}

/** Every delivery has one execution, whatever was sent how often, and each acted once. */
async function expectEachOnce(tenant: Tenant, workflow: Published, path: string, deliveryIds: readonly string[], promises: readonly HookAnswer[]): Promise<void> {
  const again = await Promise.all(deliveryIds.map((id) => deliver(workflow, { id, body: { id } })));
  expect(again.map(({ status }) => status)).toEqual(deliveryIds.map(() => 200));
  const ids = again.map(({ executionId }) => executionId);
  expect(new Set(ids).size).toBe(deliveryIds.length);
  for (const { executionId } of promises) expect(ids).toContain(executionId);
  await expectAllEnded(tenant, ids);
  expect(keysAt(path).map(String).toSorted()).toEqual(ids.map((id) => `${id}:act:0`).toSorted());
}

test("without a relay deliveries are accepted and wait; the next relay sends the backlog in few rounds, and each runs once", { timeout: LONG_MS }, async () => {
  const tenant = await client.createTenant();
  const { workflow, path } = await actingWorkflow(tenant);
  await system.kill("relay");
  const deliveryIds = deliveryIdsOf(40);
  const promises = await Promise.all(deliveryIds.map((id) => deliver(workflow, { id, body: { id } })));
  expect(promises.map(({ status }) => status)).toEqual(deliveryIds.map(() => 202));
  expect((await tenant.executions()).map(({ status }) => status)).toEqual(deliveryIds.map(() => "QUEUED"));
  await system.start("relay");
  await expectEachOnce(tenant, workflow, path, deliveryIds, promises);
  const metrics = await (await fetch(`${system.relayUrl}/metrics`)).text();
  const sample = (name: string): number => Number(metrics.split("\n").find((line) => line.startsWith(`${name} `))?.slice(name.length) ?? Number.NaN);
  expect(sample("fluxo_relay_sent_total")).toBeGreaterThanOrEqual(40);
  expect(sample('fluxo_group_commit_batch_size_count{group="relay"}')).toBeLessThan(20);
});

test("SIGKILL of the relay in the middle of a burst loses and doubles nothing", { timeout: LONG_MS }, async () => {
  const tenant = await client.createTenant();
  const { workflow, path } = await actingWorkflow(tenant);
  const deliveryIds = deliveryIdsOf(120);
  const burst = sendBurst(workflow, deliveryIds, 6);
  await burst.reached(30);
  await system.kill("relay");
  await burst.isSent;
  const statuses = (await tenant.executions()).map(({ status }) => status);
  expect(statuses).toHaveLength(120);
  expect(statuses).toContain("QUEUED");
  await system.start("relay");
  await expectEachOnce(tenant, workflow, path, deliveryIds, burst.promises);
});

test("SIGKILL of the ingress in the middle of a burst: callers that send again lose and double nothing, and no promise is broken", { timeout: LONG_MS }, async () => {
  const tenant = await client.createTenant();
  const { workflow, path } = await actingWorkflow(tenant);
  const deliveryIds = deliveryIdsOf(120);
  const burst = sendBurst(workflow, deliveryIds, 12);
  await burst.reached(20);
  await system.kill("ingress");
  const promisesBefore = burst.promises.length;
  await system.start("ingress");
  await burst.isSent;
  expect(promisesBefore).toBeLessThan(deliveryIds.length);
  expect(burst.failures).toBeGreaterThan(0);
  await expectEachOnce(tenant, workflow, path, deliveryIds, burst.promises);
});

import { NODE_STATUS_FIELD, nodeStatusStream, nodeStatusWakeChannel, type NodeStatusEntry } from "@fluxo/contracts/channels/node-status";
import { liveSnapshotSchema } from "@fluxo/contracts/http/live";
import type { ExecutionStatus, NodeStatus } from "@fluxo/core/status/execution-status";
import { systemClock } from "@fluxo/runtime/clock";
import { createLogger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { createRedis } from "@fluxo/runtime/redis";
import { PATIENCE_MS } from "@fluxo/test/support/eventually";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { manualGraph } from "../api/testing/graphs.ts";
import { PREFIX, startHarness, type Harness, type TestAgency, type TestTenant } from "../api/testing/harness.ts";
import { claim, record, settle } from "../api/testing/journey.ts";
import { LiveStreams } from "./live-streams.ts";
import { openEvents, type EventReader } from "./testing/event-source.ts";
import { WakeHub } from "./wake-hub.ts";

const AT = "2026-01-01T00:00:00.000Z";

let api: Harness;
let agency: TestAgency;
let tenant: TestTenant;
let workflowId: string;
const readers: EventReader[] = [];

beforeAll(async () => {
  api = await startHarness();
  agency = await api.createTestAgency("Northwind");
  tenant = await api.createTestTenant(agency, "Bakery");
  workflowId = (await tenant.client.post("/v1/workflows", { name: "Manual", graph: manualGraph })).text("id");
  await tenant.client.post(`/v1/workflows/${workflowId}/publish`);
});
afterEach(async () => {
  for (const reader of readers.splice(0)) reader.close();
  await vi.waitFor(() => expect(api.live.count).toBe(0), PATIENCE_MS);
});
afterAll(() => api.stop());

async function start(): Promise<string> {
  const id = (await tenant.client.post(`/v1/workflows/${workflowId}/executions`, { input: {} })).text("executionId");
  await claim(api, tenant, id);
  return id;
}

async function open(executionId: string, headers: Readonly<Record<string, string>> = {}, key = tenant.key): Promise<EventReader> {
  const reader = await openEvents(`${api.url}/v1/executions/${executionId}/events`, { authorization: `Bearer ${key}`, ...headers });
  readers.push(reader);
  return reader;
}

/** Does what a worker's publisher does, by the contract. @returns the id of the entry */
async function publish(executionId: string, entry: Omit<NodeStatusEntry, "version" | "tenantId" | "executionId">, of: { tenantId?: string; isSilent?: boolean } = {}): Promise<string> {
  const id = await api.redis.xadd(nodeStatusStream(tenant.id, executionId), "*", NODE_STATUS_FIELD, JSON.stringify({ version: 1, tenantId: of.tenantId ?? tenant.id, executionId, ...entry }));
  if (of.isSilent !== true) await api.redis.publish(`${PREFIX}:${nodeStatusWakeChannel(tenant.id, executionId)}`, "");
  return id ?? "";
}

/** The subscribed connections of this process, as Redis lists them. */
async function wakeConnections(): Promise<readonly string[]> {
  return String(await api.redis.client("LIST")).split("\n").filter((line) => line.includes(`name=wakes-${PREFIX} `));
}

const node = (nodeId: string, status: NodeStatus, attempt = 1) => ({ type: "node", change: { nodeId, item: 0, status, attempt, reason: null, errorCode: null, at: AT } }) as const;
const execution = (status: ExecutionStatus) => ({ type: "execution", change: { status, reason: null, at: AT } }) as const;

const end = (executionId: string): Promise<void> => settle(api, tenant, executionId, { status: "SUCCESS", output: {} });

test("a reader gets what is known, then every change, then the end, and the stream ends", async () => {
  const id = await start();
  await record(api, tenant, id, { nodeId: "start", position: 0 });
  await publish(id, node("start", "SUCCESS"));
  await publish(id, node("greet", "RUNNING"));
  const reader = await open(id);
  expect([reader.status, reader.contentType]).toEqual([200, "text/event-stream; charset=utf-8"]);
  const { data } = await reader.next("snapshot");
  expect(liveSnapshotSchema.parse(data)).toMatchObject({ execution: { status: "RUNNING" }, nodes: [{ nodeId: "start", status: "SUCCESS" }, { nodeId: "greet", status: "RUNNING" }], nodesOmitted: 0 });
  await publish(id, node("greet", "RUNNING", 2));
  expect((await reader.next("node")).data).toMatchObject({ nodeId: "greet", attempt: 2 });
  await publish(id, node("greet", "SUCCESS", 2));
  await end(id);
  const last = await publish(id, execution("SUCCESS"));
  expect((await reader.next("node")).data).toMatchObject({ status: "SUCCESS" });
  expect(await reader.next("end")).toEqual({ id: last, event: "end", data: { status: "SUCCESS" } });
  await reader.ended;
  expect(reader.events.map(({ event }) => event)).toEqual(["snapshot", "node", "node", "execution", "end"]);
});

test("with the id of its last event a reader goes on after it, without a snapshot and with nothing twice", async () => {
  const id = await start();
  const first = await publish(id, node("start", "RUNNING"));
  const second = await publish(id, node("start", "SUCCESS"));
  const third = await publish(id, node("greet", "RUNNING"));
  const reader = await open(id, { "last-event-id": first });
  expect([(await reader.next("node")).id, (await reader.next("node")).id]).toEqual([second, third]);
  const fourth = await publish(id, node("greet", "SUCCESS"));
  expect((await reader.next("node")).id).toBe(fourth);
  expect(reader.events.map(({ event }) => event)).toEqual(["node", "node", "node"]);
});

test("a reader whose place is gone, unknown or nonsense gets a snapshot", async () => {
  const id = await start();
  await publish(id, node("start", "SUCCESS"));
  await record(api, tenant, id, { nodeId: "start", position: 0 });
  for (const place of ["1-1", "99999999999999-0", "nonsense", "0-0"]) {
    const reader = await open(id, { "last-event-id": place });
    expect((await reader.next("snapshot")).data).toMatchObject({ nodes: [{ nodeId: "start" }] });
    reader.close();
  }
  await api.redis.del(nodeStatusStream(tenant.id, id));
  expect((await (await open(id)).next("snapshot")).data).toMatchObject({ nodes: [{ nodeId: "start" }] });
});

test("an execution that ended is told at once, with and without its stream", async () => {
  const id = await start();
  await end(id);
  const reader = await open(id);
  await reader.ended;
  expect(reader.events.map(({ event }) => event)).toEqual(["snapshot", "end"]);
  const last = await publish(id, execution("SUCCESS"));
  const again = await open(id, { "last-event-id": last });
  await again.ended;
  expect(again.events.map(({ event }) => event)).toEqual(["snapshot", "end"]);
});

test("an end that nobody tells is found after silence; meanwhile comments keep the connection", async () => {
  const id = await start();
  const reader = await open(id);
  await reader.next("snapshot");
  await vi.waitFor(() => expect(reader.comments()).toBeGreaterThan(0), PATIENCE_MS);
  await end(id);
  expect((await reader.next("snapshot")).data).toMatchObject({ execution: { status: "SUCCESS" } });
  expect((await reader.next("end")).data).toEqual({ status: "SUCCESS" });
});

test("entries without a wake are found after silence; a gap brings a snapshot", async () => {
  const id = await start();
  const reader = await open(id);
  await reader.next("snapshot");
  await publish(id, node("start", "RUNNING"), { isSilent: true });
  expect((await reader.next("node")).data).toMatchObject({ nodeId: "start" });
  await record(api, tenant, id, { nodeId: "start", position: 0 });
  await publish(id, { type: "gap" });
  expect((await reader.next("snapshot")).data).toMatchObject({ nodes: [{ nodeId: "start", status: "SUCCESS" }] });
});

test("a connection that was away and is back brings a snapshot: anything may have happened", async () => {
  const id = await start();
  const reader = await open(id);
  await reader.next("snapshot");
  await record(api, tenant, id, { nodeId: "start", position: 0 });
  const [line = ""] = await wakeConnections();
  await api.redis.client("KILL", "ID", /^id=(\d+)/.exec(line)?.[1] ?? "");
  expect((await reader.next("snapshot")).data).toMatchObject({ nodes: [{ nodeId: "start", status: "SUCCESS" }] });
  await publish(id, node("greet", "RUNNING"));
  expect((await reader.next("node")).data).toMatchObject({ nodeId: "greet" });
});

test("a token opens its own execution and nothing else, without a header", async () => {
  const [id, other] = [await start(), await start()];
  const made = await tenant.client.post(`/v1/executions/${id}/event-token`);
  expect(made.status).toBe(201);
  const reader = await openEvents(`${api.url}${made.text("path")}`);
  readers.push(reader);
  expect(reader.status).toBe(200);
  await reader.next("snapshot");
  const token = made.text("token");
  for (const path of [`/v1/executions/${other}/events?token=${token}`, `/v1/executions/${id}/events?token=${token}x`, `/v1/executions/${id}/events`, `/v1/executions/${id}?token=${token}`]) {
    const refused = await openEvents(`${api.url}${path}`);
    expect(refused.status, path).toBe(401);
  }
  expect(api.logLines.join("\n")).not.toContain(token);
});

test("no tenant watches another's execution, and entries of another tenant are not shown", async () => {
  const id = await start();
  const stranger = await api.createTestTenant(agency, "Stranger");
  expect((await open(id, {}, stranger.key)).status).toBe(404);
  expect((await stranger.client.post(`/v1/executions/${id}/event-token`)).status).toBe(404);
  const reader = await open(id);
  await reader.next("snapshot");
  await publish(id, node("foreign", "RUNNING"), { tenantId: stranger.id });
  await publish(id, node("own", "RUNNING"));
  expect((await reader.next("node")).data).toMatchObject({ nodeId: "own" });
});

test("a tenant has a bounded number of streams open; closing one makes room", async () => {
  const id = await start();
  const opened = [await open(id), await open(id), await open(id), await open(id), await open(id)];
  const refused = await tenant.client.get(`/v1/executions/${id}/events`);
  expect([refused.status, refused.at("code"), refused.headers.get("retry-after")]).toEqual([429, "RATE_LIMITED", "10"]);
  opened[0]?.close();
  await vi.waitFor(() => expect(api.live.count).toBe(4), PATIENCE_MS);
  expect((await open(id)).status).toBe(200);
  await Promise.all(opened.slice(1).map((reader) => reader.next("snapshot")));
  await publish(id, node("start", "RUNNING"));
  await Promise.all(opened.slice(1).map((reader) => reader.next("node")));
  expect((await wakeConnections()).map((line) => / sub=\d+ /.exec(line)?.[0])).toEqual([" sub=1 "]);
});

test("a reader that takes nothing holds little memory and loses nothing; shutdown ends every stream without an end", async () => {
  const id = await start();
  const registry = createRegistry();
  const logger = createLogger({ service: "test", level: "silent" });
  const url = process.env["FLUXO_TEST_REDIS_URL"] ?? "";
  const redis = createRedis(url, { prefix: PREFIX, logger, role: "commands" });
  const wakes = createRedis(url, { prefix: PREFIX, logger, role: "blocking" });
  const streams = new LiveStreams({ redis, hub: new WakeHub(wakes, PREFIX, logger), tenantDb: api.tenantDb, clock: systemClock, logger, metrics: createMetrics(registry), quietMs: 200 });
  const slow = streams.open({ tenantId: tenant.id, executionId: id }, undefined);
  slow.read(0);
  await vi.waitFor(() => expect(slow.readableLength).toBeGreaterThan(0), PATIENCE_MS);
  for (let index = 0; index < 1_000; index += 1) await publish(id, node(`n${index}`, "SUCCESS"), { isSilent: true });
  await api.redis.publish(`${PREFIX}:${nodeStatusWakeChannel(tenant.id, id)}`, "");
  await vi.waitFor(() => expect(slow.readableLength).toBeGreaterThanOrEqual(16_384), PATIENCE_MS);
  expect(slow.readableLength).toBeLessThan(20_000);
  const text: string[] = [];
  slow.on("data", (chunk: Buffer) => void text.push(chunk.toString()));
  await vi.waitFor(() => expect(text.join("").match(/event: node/g)).toHaveLength(1_000), PATIENCE_MS);
  streams.close();
  await vi.waitFor(() => expect(slow.destroyed).toBe(true), PATIENCE_MS);
  expect([slow.errored, text.join("").includes("event: end"), streams.count]).toEqual([null, false, 0]);
  expect(() => streams.open({ tenantId: tenant.id, executionId: id }, undefined)).toThrow(expect.objectContaining({ code: "UNAVAILABLE" }));
  redis.disconnect();
  wakes.disconnect();
});

test("a Redis that is away leaves its readers what PostgreSQL has, and the end", async () => {
  const id = await start();
  const logger = createLogger({ service: "test", level: "silent" });
  const redis = createRedis("redis://127.0.0.1:1", { prefix: PREFIX, logger, role: "commands" });
  const wakes = createRedis("redis://127.0.0.1:1", { prefix: PREFIX, logger, role: "blocking" });
  const streams = new LiveStreams({ redis, hub: new WakeHub(wakes, PREFIX, logger), tenantDb: api.tenantDb, clock: systemClock, logger, metrics: createMetrics(createRegistry()), quietMs: 50 });
  const text: string[] = [];
  const stream = streams.open({ tenantId: tenant.id, executionId: id }, "1-1");
  stream.on("data", (chunk: Buffer) => void text.push(chunk.toString()));
  await vi.waitFor(() => expect(text.join("")).toContain("event: snapshot"), PATIENCE_MS);
  await end(id);
  await vi.waitFor(() => expect(text.join("")).toContain('event: end\ndata: {"status":"SUCCESS"}'), PATIENCE_MS);
  expect(text.join("").match(/event: snapshot/g)).toHaveLength(2);
  redis.disconnect();
  wakes.disconnect();
});

import { randomUUID } from "node:crypto";
import { createConnection } from "node:net";
import { RESPONSE_CHANNEL } from "@fluxo/contracts/channels/response";
import { captureSample } from "@fluxo/prisma/access/hook-samples";
import { resolveHook } from "@fluxo/prisma/access/hooks";
import { readResponses } from "@fluxo/prisma/executions/responses";
import { uuidV7 } from "@fluxo/prisma/ids";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { systemClock } from "@fluxo/runtime/clock";
import { healthRouter } from "@fluxo/runtime/health";
import { createAddressRanges } from "@fluxo/runtime/http/client-address";
import { listen, type RunningServer } from "@fluxo/runtime/http-server";
import { createLogger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry, type Metrics } from "@fluxo/runtime/metrics";
import { createRedis } from "@fluxo/runtime/redis";
import { createSecretBox } from "@fluxo/runtime/secrets/box";
import { PATIENCE_MS } from "@fluxo/test/support/eventually";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { addTenant } from "@fluxo/prisma/testing/seed";
import { addHook, type SeededHook } from "../../testing/hooks.ts";
import { createIngressApp } from "../app.ts";
import { Gate } from "../gate.ts";
import { toWebhookHook } from "../hook.ts";
import { HookDirectory } from "../hook-directory.ts";
import { MemoryBudget } from "../memory-budget.ts";
import { RateLimits } from "../rate-limits.ts";
import { TenantRates } from "../tenant-rates.ts";
import { Recorder } from "../recorder.ts";
import type { CaptureSample } from "../samples/receive-sample.ts";
import { listenForResponses } from "./response-listener.ts";
import { WaitingRoom } from "./waiting-room.ts";

const url = process.env["FLUXO_TEST_REDIS_URL"] ?? "";
const prefix = `sync-${randomUUID()}`;
const logger = createLogger({ service: "ingress", level: "silent" });
const RESULTS_BYTES_MAX = 10_000;
const box = createSecretBox(Buffer.alloc(32, 7));

const { owner, app } = await useTestDatabase();
let server: RunningServer;
let tenantId: string;
let metrics: Metrics;
let room: WaitingRoom;
const accepted: string[] = [];
const publisher = createRedis(url, { prefix, logger, role: "commands" });
const subscriber = createRedis(url, { prefix, logger, role: "blocking" });

beforeAll(async () => {
  ({ tenantId } = await addTenant(owner));
  const registry = createRegistry();
  metrics = createMetrics(registry);
  const options = { clock: systemClock, logger, metrics };
  const recorder = new Recorder({ ...options, db: app, handOver: (executions) => accepted.push(...executions.map(({ executionId }) => executionId)) });
  room = new WaitingRoom({ ...options, read: (awaited) => readResponses(app, awaited, RESULTS_BYTES_MAX) });
  await listenForResponses(subscriber, prefix, (executionId) => room.tell(executionId), logger);
  const hooks = new HookDirectory({
    resolve: async (token) => {
      const hook = await resolveHook(app, token);
      return hook === undefined ? undefined : toWebhookHook(hook, box, () => undefined);
    },
    clock: systemClock,
    ttlMs: 0,
    entriesMax: 10,
  });
  const health = healthRouter({ checks: [], isStopping: () => false, registry });
  const gate = new Gate({ trustedProxies: createAddressRanges([]), rateLimits: new RateLimits({ ...options, redis: publisher }), tenantRates: new TenantRates({ ...options, redis: publisher }), box, clock: systemClock });
  const capture: CaptureSample = (sample) => captureSample(app, sample);
  const budget = new MemoryBudget(8_388_608);
  server = await listen(createIngressApp({ ...options, hooks, recorder, waitingRoom: room, gate, capture, budget, ids: uuidV7, health }), { host: "127.0.0.1", port: 0 });
});

afterAll(async () => {
  room.close();
  await server.close(1_000);
  publisher.disconnect();
  subscriber.disconnect();
});

function hookWith(response: unknown): Promise<SeededHook> {
  return addHook(owner, tenantId, { config: { authentication: { mode: "none" }, deliveryIdHeader: "x-delivery", response } });
}

/** Calls a hook and gives the id of the execution that this made, while the answer is still to come. */
async function call(hook: SeededHook, delivery: string = randomUUID()): Promise<{ executionId: string; answer: Promise<Response> }> {
  const known = accepted.length;
  const answer = fetch(`http://127.0.0.1:${server.port}/hooks/${hook.token}`, { method: "POST", body: "{}", headers: { "content-type": "application/json", "x-delivery": delivery } });
  await vi.waitFor(() => expect(accepted.length).toBe(known + 1), PATIENCE_MS);
  return { executionId: accepted.at(-1) ?? "", answer };
}

async function tell(executionId: string): Promise<void> {
  await publisher.publish(`${prefix}:${RESPONSE_CHANNEL}`, JSON.stringify({ version: 1, executionId }));
}

async function end(executionId: string, status: string, columns: { output?: unknown; code?: string } = {}): Promise<void> {
  await owner.query("UPDATE executions SET status = $2, output = $3, error_code = $4, completed_at = now() WHERE id = $1", [
    executionId,
    status,
    columns.output === undefined ? null : JSON.stringify(columns.output),
    columns.code ?? null,
  ]);
}

async function respond(executionId: string, output: unknown, nodeId = "answer", completedAt = new Date()): Promise<void> {
  await owner.query(
    `INSERT INTO node_executions (tenant_id, execution_id, node_id, position, node_type, node_name, status, attempt, ports, output, completed_at, epoch)
     VALUES ($1, $2, $3, 1, 'respond', 'Answer', 'SUCCESS', 1, '{main}', $4, $5, 1)`,
    [tenantId, executionId, nodeId, JSON.stringify(output), completedAt],
  );
}

test("lastNode answers with the result when the execution has ended, as a safe answer of the shared host", async () => {
  const { executionId, answer } = await call(await hookWith({ mode: "lastNode" }));
  await end(executionId, "SUCCESS", { output: { results: { order: { id: 7 } }, failures: [] } });
  await tell(executionId);
  const response = await answer;
  expect([response.status, await response.json()]).toEqual([200, { id: 7 }]);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "content-type": "application/json",
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox",
    "cache-control": "no-store",
    "fluxo-execution-id": executionId,
  });
});

test("respondNode answers as soon as the row is there, with the first one, while the execution goes on", async () => {
  const { executionId, answer } = await call(await hookWith({ mode: "respondNode" }));
  const earlier = new Date(Date.now() - 1_000);
  await respond(executionId, { status: 200, headers: {}, body: null }, "second");
  await respond(executionId, { status: 201, headers: { "content-type": "text/html; charset=utf-8", "x-order": "7", "cache-control": "max-age=60" }, body: "<h1>hé</h1>" }, "first", earlier);
  await tell(executionId);
  const response = await answer;
  expect([response.status, await response.text()]).toEqual([201, "<h1>hé</h1>"]);
  expect(Object.fromEntries(response.headers)).toMatchObject({ "content-type": "text/html; charset=utf-8", "x-order": "7", "cache-control": "max-age=60", "content-security-policy": "sandbox" });
  const { rows } = await owner.query("SELECT status FROM executions WHERE id = $1", [executionId]);
  expect(rows).toEqual([{ status: "QUEUED" }]);
});

test.each([204, 304])("an answer with %d has no body", async (status) => {
  const { executionId, answer } = await call(await hookWith({ mode: "respondNode" }));
  await respond(executionId, { status, headers: {}, body: null });
  await tell(executionId);
  const response = await answer;
  expect([response.status, await response.text(), response.headers.get("content-length")]).toEqual([status, "", null]);
});

test.each([
  ["FAILED", "PROVIDER_REJECTED", 500, "EXECUTION_FAILED"],
  ["BLOCKED", "QUOTA_EXCEEDED", 429, "QUOTA_EXCEEDED"],
  ["CANCELED", "EXECUTION_CANCELED", 409, "EXECUTION_CANCELED"],
])("an execution that ends %s is a problem with its code", async (status, reason, http, code) => {
  for (const mode of ["lastNode", "respondNode"]) {
    const { executionId, answer } = await call(await hookWith({ mode }));
    await end(executionId, status, { output: { results: { secret: "result" }, failures: [] }, code: reason });
    await tell(executionId);
    const response = await answer;
    const text = await response.text();
    expect([response.status, JSON.parse(text)]).toEqual([http, expect.objectContaining({ code, executionId, reason, status: http })]);
    expect(response.headers.get("content-type")).toContain("application/problem+json");
    expect(text).not.toContain("secret");
  }
});

test("a respond node's answer stands, whatever the execution does after it", async () => {
  const { executionId, answer } = await call(await hookWith({ mode: "respondNode" }));
  await respond(executionId, { status: 200, headers: { "content-type": "application/json" }, body: { ok: true } });
  await end(executionId, "FAILED", { code: "NODE_TIMEOUT" });
  await tell(executionId);
  expect(await (await answer).json()).toEqual({ ok: true });
});

test("results that are stored apart are found; results that are too large or cut are not sent", async () => {
  const payloadId = randomUUID();
  const stored = await call(await hookWith({ mode: "lastNode" }));
  await owner.query("INSERT INTO payloads (tenant_id, id, execution_id, bytes, body) VALUES ($1, $2, $3, 1, $4)", [tenantId, payloadId, stored.executionId, JSON.stringify({ results: { a: "far" }, failures: [] })]);
  await owner.query("UPDATE executions SET status = 'SUCCESS', output_ref = $2, completed_at = now() WHERE id = $1", [stored.executionId, payloadId]);
  await tell(stored.executionId);
  expect(await (await stored.answer).json()).toBe("far");
  for (const output of [{ results: { a: "x".repeat(RESULTS_BYTES_MAX) }, failures: [] }, { results: {}, failures: [], omitted: ["a"] }]) {
    const { executionId, answer } = await call(await hookWith({ mode: "lastNode" }));
    await end(executionId, "SUCCESS", { output });
    await tell(executionId);
    expect(await (await answer).json()).toMatchObject({ code: "OUTPUT_TOO_LARGE", executionId });
  }
});

test("after the time-out the answer is 202 with the id, as in immediate mode, also for a duplicate", async () => {
  const hook = await hookWith({ mode: "lastNode", timeoutSeconds: 1 });
  const delivery = randomUUID();
  const { executionId, answer } = await call(hook, delivery);
  expect([(await answer).status, await (await answer).json()]).toEqual([202, { executionId, duplicate: false }]);
  const repeat = await fetch(`http://127.0.0.1:${server.port}/hooks/${hook.token}`, { method: "POST", body: "{}", headers: { "x-delivery": delivery } });
  expect([repeat.status, await repeat.json()]).toEqual([202, { executionId, duplicate: true }]);
});

test("duplicates wait with the first and get its answer; later ones get it at once", async () => {
  const hook = await hookWith({ mode: "respondNode" });
  const delivery = randomUUID();
  const { executionId, answer } = await call(hook, delivery);
  const repeat = (): Promise<Response> => fetch(`http://127.0.0.1:${server.port}/hooks/${hook.token}`, { method: "POST", body: "{}", headers: { "x-delivery": delivery } });
  const waiting = [repeat(), repeat()];
  await vi.waitFor(async () => expect((await metrics.hookWaiters.get()).values[0]?.value).toBe(3), PATIENCE_MS);
  await respond(executionId, { status: 418, headers: {}, body: null });
  await tell(executionId);
  const responses = await Promise.all([answer, ...waiting]);
  expect([...responses, await repeat()].map((response) => [response.status, response.headers.get("fluxo-execution-id")])).toEqual(Array.from({ length: 4 }, () => [418, executionId]));
  const { rows } = await owner.query("SELECT count(*)::int AS n FROM executions WHERE trigger_id = $1", [hook.triggerId]);
  expect(rows).toEqual([{ n: 1 }]);
});

test("a caller that goes away is no longer waited for, and loses nothing", async () => {
  const hook = await hookWith({ mode: "lastNode" });
  const known = accepted.length;
  const socket = createConnection(server.port, "127.0.0.1");
  socket.write(`POST /hooks/${hook.token} HTTP/1.1\r\nHost: x\r\nX-Delivery: ${randomUUID()}\r\nContent-Length: 2\r\n\r\nok`);
  await vi.waitFor(async () => expect((await metrics.hookWaiters.get()).values[0]?.value).toBe(1), PATIENCE_MS);
  socket.destroy();
  await vi.waitFor(async () => expect((await metrics.hookWaiters.get()).values[0]?.value).toBe(0), PATIENCE_MS);
  const { rows } = await owner.query("SELECT status FROM executions WHERE id = $1", [accepted[known]]);
  expect(rows).toEqual([{ status: "QUEUED" }]);
});

test("what belongs to another tenant, or has no answer yet, is not found", async () => {
  const { executionId, answer } = await call(await hookWith({ mode: "respondNode", timeoutSeconds: 1 }));
  const other = await addTenant(owner);
  await respond(executionId, { status: 200, headers: {}, body: null });
  const awaited = [
    { tenantId: other.tenantId, executionId, mode: "respondNode" as const },
    { tenantId, executionId, mode: "respondNode" as const },
    { tenantId, executionId, mode: "lastNode" as const },
    { tenantId, executionId: randomUUID(), mode: "lastNode" as const },
  ];
  expect(await readResponses(app, awaited, RESULTS_BYTES_MAX)).toEqual([undefined, { kind: "responded", output: { status: 200, headers: {}, body: null } }, undefined, undefined]);
  await answer;
});

test("without messages the answer is found within about a second", async () => {
  room.start();
  const { executionId, answer } = await call(await hookWith({ mode: "lastNode" }));
  await end(executionId, "SUCCESS", { output: { results: { a: 1 }, failures: [] } });
  expect(await (await answer).json()).toBe(1);
});

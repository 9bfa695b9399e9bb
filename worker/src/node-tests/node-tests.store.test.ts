import { randomUUID } from "node:crypto";
import { NODE_TEST_AGE_MAX_MS, NODE_TEST_LIST, nodeTestReplyKey, nodeTestResultSchema, type NodeTestRequest, type NodeTestResult } from "@fluxo/contracts/channels/node-test";
import { seedWorkflow, type SeededWorkflow } from "@fluxo/prisma/testing/seed";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { systemClock } from "@fluxo/runtime/clock";
import { createGuardedClient } from "@fluxo/runtime/http/guarded-client";
import { createLogger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { createRedis } from "@fluxo/runtime/redis";
import { PATIENCE_MS } from "@fluxo/test/support/eventually";
import { startSink, type Sink } from "@fluxo/test/support/sink";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createNodePorts } from "../node-ports/node-ports.ts";
import { NodeTestTaker } from "./node-test-taker.ts";
import { runNodeTest } from "./run-node-test.ts";

const logger = createLogger({ service: "test", level: "silent" });
const url = process.env["FLUXO_TEST_REDIS_URL"] ?? "";
const prefix = `node-tests-${randomUUID()}`;
const redis = createRedis(url, { prefix, logger, role: "commands" });

const pools = await useTestDatabase();
let sink: Sink;
let taker: NodeTestTaker;
let seeded: SeededWorkflow;

beforeAll(async () => {
  sink = await startSink();
  const ports = createNodePorts({ http: createGuardedClient({ allowedPrivateHosts: [`127.0.0.1:${sink.port}`] }) });
  const tools = { clock: systemClock, random: () => 0, ports, metrics: createMetrics(createRegistry()) };
  taker = new NodeTestTaker({ redis: createRedis(url, { prefix, logger, role: "blocking" }), replies: redis, run: (request, signal) => runNodeTest(request, { db: pools.app, tools, signal }), clock: systemClock, logger });
  taker.start();
  seeded = await seedWorkflow(pools.owner, {
    nodes: [
      { id: "start", type: "trigger.manual" },
      { id: "fetch", type: "set", alias: "order", params: { fields: {} } },
      { id: "total", type: "set", params: { fields: { sum: "{{ order.body.total }}", who: "{{ trigger.customer }}", element: "{{ item.n | default: 0 }}" } } },
      { id: "send", type: "http.request", retry: { maxAttempts: 5 }, params: { url: `http://127.0.0.1:${sink.port}/status/503/node-test`, method: "POST", body: {} } },
      { id: "later", type: "delay", params: { durationMs: 3_600_000 } },
      { id: "each", type: "for-each", params: { items: "{{ order.list }}" } },
      { id: "seen", type: "deduplicate", params: { items: [1], key: "{{ trigger.k }}", windowSeconds: 60 } },
    ],
    edges: [{ from: "start", to: "fetch" }, { from: "fetch", to: "total" }],
  });
});
afterAll(async () => {
  await taker.stop();
  redis.disconnect();
  await sink.stop();
});

async function ask(nodeId: string, given: Partial<NodeTestRequest> = {}): Promise<NodeTestResult> {
  const testId = randomUUID();
  const request: NodeTestRequest = { version: 1, testId, tenantId: seeded.tenantId, workflowId: seeded.workflowId, nodeId, pinned: {}, trigger: {}, askedAt: Date.now(), ...given };
  await redis.rpush(NODE_TEST_LIST, JSON.stringify(request));
  return vi.waitFor(async () => nodeTestResultSchema.parse(JSON.parse((await redis.get(nodeTestReplyKey(testId))) ?? "")), PATIENCE_MS);
}

test("a node is run with pinned outputs, by id and by alias, the trigger and the item", async () => {
  const result = await ask("total", { pinned: { fetch: { body: { total: 7 } } }, trigger: { customer: "Ada" }, item: { n: 3 } });
  expect(result).toMatchObject({ status: "SUCCESS", output: { sum: 7, who: "Ada", element: 3 }, ports: ["main"], failure: null, attempt: 1, hasActed: false });
});

test("what is not pinned is missing, and says so", async () => {
  expect(await ask("total", { trigger: { customer: "Ada" } })).toMatchObject({ status: "FAILED", output: null, failure: { code: "TEMPLATE_REFERENCE_MISSING" } });
});

test("an action acts, once, whatever its retries, and leaves no execution", async () => {
  expect(await ask("send")).toMatchObject({ status: "FAILED", attempt: 1, hasActed: true, failure: { errorClass: "SERVER" } });
  expect(sink.received("/status/503/node-test")).toHaveLength(1);
  const { rows } = await pools.owner.query("SELECT (SELECT count(*)::int FROM executions) AS executions, (SELECT count(*)::int FROM node_executions) AS nodes, (SELECT count(*)::int FROM usage_windows) AS usage");
  expect(rows).toEqual([{ executions: 0, nodes: 0, usage: 0 }]);
});

test("a delay does not wait, and a loop tells its items", async () => {
  expect(await ask("later")).toMatchObject({ status: "WAITING", resumeAt: expect.any(String) });
  expect(await ask("each", { pinned: { fetch: { list: [1, 2] } } })).toMatchObject({ status: "LOOPS", output: { items: [1, 2] } });
});

test("another tenant's workflow is not found", async () => {
  expect(await ask("total", { tenantId: randomUUID() })).toMatchObject({ status: "FAILED", failure: { message: expect.stringContaining("no such node") } });
});

test("a request that is too old or unreadable is dropped, and the next one is answered", async () => {
  const testId = randomUUID();
  await redis.rpush(NODE_TEST_LIST, "nonsense", JSON.stringify({ version: 1, testId, tenantId: seeded.tenantId, workflowId: seeded.workflowId, nodeId: "total", pinned: {}, trigger: {}, askedAt: Date.now() - NODE_TEST_AGE_MAX_MS - 1_000 }));
  expect(await ask("later")).toMatchObject({ status: "WAITING" });
  expect(await redis.get(nodeTestReplyKey(testId))).toBeNull();
});

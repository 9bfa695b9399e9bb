import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { cancelExecution } from "@fluxo/prisma/executions/cancel";
import { queueExecutions, seedWorkflow } from "@fluxo/prisma/testing/seed";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createEngine, createPod, deliver } from "./testing/pod.ts";

const pools = await useTestDatabase();
let server: Server;
let port: number;
let receivedBytes = 0;
let answers: string[] = [];

/** Answers each connection with the next of `answers`, and counts what arrives. */
function serve(socket: Socket): void {
  const reply = answers.shift() ?? "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";
  socket.once("data", () => reply !== "" && socket.end(reply));
  socket.on("data", (chunk: Buffer) => (receivedBytes += chunk.length));
  socket.on("error", () => undefined);
}

beforeAll(async () => {
  server = createServer(serve);
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => void server.close());

async function runCall(params: object): Promise<{ status: string; usage: { egressBytes?: number } | null }> {
  const workflow = await seedWorkflow(pools.owner, {
    nodes: [
      { id: "start", type: "trigger.manual" },
      { id: "call", type: "http.request", params: { method: "POST", url: `http://127.0.0.1:${port}/path`, body: { kind: "json", value: { some: "data" } }, ...params }, retry: { maxAttempts: 2, initialDelayMs: 100 } },
    ],
    edges: [{ from: "start", to: "call" }],
  });
  const [executionId = ""] = await queueExecutions(pools.app, workflow, [{}]);
  await deliver(pools, createEngine(pools, "worker", { privateHosts: [`127.0.0.1:${port}`] }));
  const { rows } = await pools.owner.query<{ status: string; usage: { egressBytes?: number } | null }>("SELECT status, usage FROM node_executions WHERE execution_id = $1 AND node_id = 'call'", [executionId]);
  const metered = await pools.owner.query<{ bytes: number; nodes: number }>(
    "SELECT sum(egress_bytes)::int AS bytes, sum(node_executions)::int AS nodes FROM usage_events WHERE tenant_id = $1 AND node_type = 'http.request'",
    [workflow.tenantId],
  );
  expect(metered.rows).toEqual([{ bytes: rows[0]?.usage?.egressBytes ?? 0, nodes: 1 }]);
  return rows[0] ?? { status: "", usage: null };
}

test("the bytes that attempts sent are metered exactly, those of failed attempts and redirects too", async () => {
  const redirect = `HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:${port}/other\r\nContent-Length: 0\r\n\r\n`;
  answers = ["HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", redirect, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"];
  receivedBytes = 0;
  expect(await runCall({})).toEqual({ status: "SUCCESS", usage: { egressBytes: receivedBytes } });
  expect(receivedBytes).toBeGreaterThan(3 * "POST /path HTTP/1.1".length);
});

test("a node that fails for good is charged for what it sent, one that was refused a connection for nothing", async () => {
  receivedBytes = 0;
  answers = ["HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"];
  expect(await runCall({})).toEqual({ status: "FAILED", usage: { egressBytes: receivedBytes } });
  expect(receivedBytes).toBeGreaterThan(0);
  expect(await runCall({ url: "http://10.0.0.1/" })).toEqual({ status: "FAILED", usage: null });
});

async function meteredOf(tenantId: string): Promise<unknown> {
  const { rows } = await pools.owner.query("SELECT coalesce(sum(egress_bytes), 0)::int AS bytes, coalesce(sum(node_executions), 0)::int AS nodes FROM usage_events WHERE tenant_id = $1 AND node_type = 'http.request'", [tenantId]);
  return rows[0];
}

const callGraph = (retry: object) => ({
  nodes: [{ id: "start", type: "trigger.manual" }, { id: "call", type: "http.request", params: { method: "POST", url: `http://127.0.0.1:${port}/path`, body: { kind: "json", value: { some: "data" } } }, retry }],
  edges: [{ from: "start", to: "call" }],
});
const balanced = async (): Promise<unknown> => (await pools.owner.query("SELECT * FROM fluxo_usage_differences(date_trunc('hour', now()) - interval '1 hour', now() + interval '1 hour') WHERE measure NOT LIKE 'rolled%' AND measure NOT LIKE 'days%'")).rows;

test("what an attempt sent that a cancel cut off counts when its execution ends; the node is no node execution", async () => {
  const workflow = await seedWorkflow(pools.owner, callGraph({ maxAttempts: 1 }));
  const [executionId = ""] = await queueExecutions(pools.app, workflow, [{}]);
  const { engine, leases } = createPod(pools, "canceled", { privateHosts: [`127.0.0.1:${port}`] });
  receivedBytes = 0;
  // Nobody answers.
  answers = [""];
  const running = deliver(pools, engine);
  await expect.poll(() => receivedBytes).toBeGreaterThan(0);
  await cancelExecution(pools.app, workflow.tenantId, executionId);
  expect(await meteredOf(workflow.tenantId)).toEqual({ bytes: 0, nodes: 0 });
  leases.cancel(executionId);
  await running;
  expect((await pools.owner.query("SELECT status FROM executions WHERE id = $1", [executionId])).rows).toEqual([{ status: "CANCELED" }]);
  expect(await meteredOf(workflow.tenantId)).toEqual({ bytes: receivedBytes, nodes: 0 });
  expect(await balanced()).toEqual([]);
});

test("attempts of a node that waits for its next one count when its execution is canceled meanwhile", async () => {
  const workflow = await seedWorkflow(pools.owner, callGraph({ maxAttempts: 2 }));
  const [executionId = ""] = await queueExecutions(pools.app, workflow, [{}]);
  receivedBytes = 0;
  answers = ["HTTP/1.1 503 Service Unavailable\r\nRetry-After: 600\r\nContent-Length: 0\r\n\r\n"];
  await deliver(pools, createEngine(pools, "waiting", { privateHosts: [`127.0.0.1:${port}`] }));
  expect((await pools.owner.query("SELECT status, reason FROM executions WHERE id = $1", [executionId])).rows).toEqual([{ status: "WAITING", reason: "BACKOFF" }]);
  expect(await meteredOf(workflow.tenantId)).toEqual({ bytes: 0, nodes: 0 });
  await cancelExecution(pools.app, workflow.tenantId, executionId);
  expect(receivedBytes).toBeGreaterThan(0);
  expect(await meteredOf(workflow.tenantId)).toEqual({ bytes: receivedBytes, nodes: 0 });
  await cancelExecution(pools.app, workflow.tenantId, executionId);
  expect(await meteredOf(workflow.tenantId)).toEqual({ bytes: receivedBytes, nodes: 0 });
  expect(await balanced()).toEqual([]);
});

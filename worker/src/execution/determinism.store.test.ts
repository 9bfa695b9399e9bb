import type { HttpPort } from "@fluxo/core/ports/http";
import { queueExecutions, seedWorkflow, type SeededWorkflow } from "@fluxo/prisma/testing/seed";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { systemClock } from "@fluxo/runtime/clock";
import { createGuardedClient } from "@fluxo/runtime/http/guarded-client";
import { seededRandom } from "@fluxo/test/chaos/random";
import { startSink, type Sink } from "@fluxo/test/support/sink";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Engine } from "./engine.ts";
import { createEngine } from "./testing/pod.ts";

/** Longest time that a request takes on top of the provider's own. Milliseconds. */
const SHUFFLE_MS = 12;

const random = seededRandom(20_261_123);
const pools = await useTestDatabase();
const { owner, app } = pools;
let sink: Sink;
let workflow: SeededWorkflow;
/** What every execution of the input must be like: the first one of each outcome. */
const expected = new Map<boolean, Trace>();

beforeAll(async () => {
  sink = await startSink();
  workflow = await seedWorkflow(owner, graph());
});

afterAll(() => sink.stop());

/** Parallel branches and joins, branches not taken, retries, a failure that is handled, and an end that the input decides. */
function graph(): Parameters<typeof seedWorkflow>[1] {
  const call = (id: string, path: string, rest: object = {}) => ({
    ...{ id, type: "http.request", params: { url: `${sink.url}${path}/${id}/{{ execution.id }}`, method: "POST", body: { from: id } } },
    ...{ retry: { initialDelayMs: 4 }, ...rest },
  });
  const set = (id: string, fields: Record<string, string> = {}) => ({ id, type: "set", params: { fields } });
  const edge = (from: string, to: string, port = "main") => ({ from, port, to });
  return {
    nodes: [
      { id: "start", type: "trigger.manual" },
      ...[call("orders", "/echo"), call("flaky", "/flaky/2"), call("cut", "/cut/1"), call("bad", "/status/404", { onError: "branch" })],
      ...[set("rescue", { why: "{{ bad.error.code }}" }), set("fine")],
      { id: "check", type: "if", params: { conditions: [{ left: "{{ orders.body.method }}", operator: "equals", right: "POST" }] } },
      ...[call("yes", "/flaky/1"), set("no")],
      { id: "choose", type: "switch", params: { value: "{{ trigger.kind }}", mode: "all", cases: [{ name: "a", equals: "x" }, { name: "b", equals: "y" }, { name: "c", equals: "x" }] } },
      ...[call("first", "/echo"), set("second"), call("third", "/echo"), set("other")],
      { id: "join", type: "merge" },
      { id: "list", type: "merge", params: { mode: "append" } },
      { id: "all", type: "merge", alias: "everything" },
      { id: "route", type: "if", params: { conditions: [{ left: "{{ trigger.isFatal }}", operator: "isTrue" }] } },
      { id: "halt", type: "stop", params: { message: "Stopped after {{ rescue.why }}.", code: "FATAL" } },
      set("end", { list: "{{ list }}" }),
    ],
    edges: [
      ...["orders", "flaky", "cut", "bad", "choose"].map((id) => edge("start", id)),
      ...[edge("bad", "rescue", "error"), edge("bad", "fine"), edge("orders", "check"), edge("check", "yes", "true"), edge("check", "no", "false")],
      ...[edge("choose", "first", "case:a"), edge("choose", "second", "case:b"), edge("choose", "third", "case:c"), edge("choose", "other", "default")],
      ...["flaky", "cut", "rescue", "fine"].map((id) => edge(id, "join")),
      ...["yes", "no", "third", "first", "second", "other"].map((id) => edge(id, "list")),
      ...[edge("join", "all"), edge("list", "all"), edge("all", "route"), edge("route", "halt", "true"), edge("route", "end", "false")],
    ],
  };
}

/** Waits before and after each request for as long as chance wants it. The provider counts the requests of each worker for itself, as if a new one knew nothing. */
function shuffledPort(worker: string, onRequest: (url: string) => Promise<void>): HttpPort {
  const client = createGuardedClient({ allowedPrivateHosts: [`127.0.0.1:${sink.port}`] });
  return {
    send: async (request) => {
      await systemClock.sleep(random.between(0, SHUFFLE_MS), request.signal);
      await onRequest(request.url);
      const response = await client.send({ ...request, url: `${request.url}/${worker}` });
      await systemClock.sleep(random.between(0, SHUFFLE_MS), request.signal);
      return response;
    },
  };
}

function createWorker(name: string, onRequest: (url: string) => Promise<void> = () => Promise.resolve()): Engine {
  return createEngine(pools, name, { leaseMs: 60_000, random: () => random.next(), reach: { http: shuffledPort(name, onRequest) } });
}

interface Trace {
  readonly status: string;
  readonly errorCode: string | null;
  readonly output: unknown;
  readonly journal: readonly unknown[];
}

/** What an execution recorded, without what differs between any two: ids, instants, names of workers. */
async function trace(executionId: string): Promise<Trace> {
  const { rows: records } = await owner.query("SELECT status, error_code AS \"errorCode\", error_message AS message, output FROM executions WHERE id = $1", [executionId]);
  const { rows: journal } = await owner.query(
    `SELECT node_id, item, position, node_type, node_name, integration, status, attempt, ports, output, failure, attempts, reason
     FROM node_executions WHERE execution_id = $1 ORDER BY position, item`,
    [executionId],
  );
  const text = JSON.stringify({ ...records[0], journal })
    .replaceAll(executionId, "<id>")
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<instant>")
    .replaceAll(/"date":"[^"]*"/g, '"date":"<instant>"')
    .replaceAll(/\/worker-\w+/g, "");
  // Where in our code an error was seen depends on what its promise waited for; what failed and how does not.
  return JSON.parse(text, (key, value: unknown) => (key === "stack" ? undefined : value)) as Trace;
}

/** Every execution has the same trace as every other one of the same input, in this test and the others. */
async function expectSameTraces(ids: readonly string[], isFatal = false): Promise<void> {
  for (const id of ids) {
    const found = await trace(id);
    if (!expected.has(isFatal)) expected.set(isFatal, found);
    expect(found).toEqual(expected.get(isFatal));
  }
  expect(expected.get(isFatal)).toMatchObject({ status: isFatal ? "FAILED" : "SUCCESS", errorCode: isFatal ? "STOPPED_BY_WORKFLOW" : null });
}

function queue(count: number, isFatal = false): Promise<string[]> {
  return queueExecutions(app, workflow, Array.from({ length: count }, () => ({ kind: "x", isFatal })));
}

test("a hundred executions in batches of fifty, each with a timing of its own, have one journal", async () => {
  const engine = createWorker("worker-a");
  const ids = await queue(100);
  await Promise.all([engine.claimAndRun(workflow.tenantId, ids.slice(0, 50)), engine.claimAndRun(workflow.tenantId, ids.slice(50))]);
  await engine.claimAndRun(workflow.tenantId, ids);
  await expectSameTraces(ids);
  const rows = (expected.get(false)?.journal ?? []) as { node_id: string; status: string; attempt: number }[];
  const of = (status: string): string[] => rows.filter((row) => row.status === status).map((row) => row.node_id);
  expect(new Set(of("SKIPPED"))).toEqual(new Set(["fine", "no", "other", "second", "halt"]));
  expect(of("FAILED")).toEqual(["bad"]);
  expect(rows.map(({ node_id, attempt }) => [node_id, attempt]).filter(([, attempt]) => Number(attempt) > 1)).toEqual([["cut", 2], ["flaky", 3], ["yes", 2]]);
});

test("alone they have the same journal", async () => {
  const engine = createWorker("worker-b");
  const ids = await queue(30);
  await Promise.all(ids.map((id) => engine.claimAndRun(workflow.tenantId, [id])));
  await expectSameTraces(ids);
});

test("taken over by another worker in the middle, at a request that chance chose, they have the same journal", async () => {
  const ids = await queue(30);
  const left = new Map(ids.map((id) => [id, random.between(1, 9)]));
  const taker = createWorker("worker-c");
  const taken: Promise<unknown>[] = [];
  const engine = createWorker("worker-d", async (url) => {
    const id = ids.find((candidate) => url.includes(candidate)) ?? "";
    left.set(id, (left.get(id) ?? 0) - 1);
    if (left.get(id) !== 0) return;
    await owner.query("UPDATE executions SET lease_until = now() - interval '1 second' WHERE id = $1", [id]);
    const takeover = taker.claimAndRun(workflow.tenantId, [id]);
    taken.push(takeover);
    await takeover;
  });
  await engine.claimAndRun(workflow.tenantId, ids);
  await Promise.all(taken);
  await expectSameTraces(ids);
  const { rows } = await owner.query("SELECT count(*)::int AS n FROM executions WHERE id = ANY ($1) AND lease_epoch = 2", [ids]);
  expect(rows[0]).toEqual({ n: 30 });
  const finished = await owner.query("SELECT count(DISTINCT execution_id)::int AS n FROM node_executions WHERE execution_id = ANY ($1) AND epoch = 1 AND node_type = 'http.request'", [ids]);
  expect(finished.rows[0].n, "some had come far before").toBeGreaterThan(5);
});

test("an execution that ends in a failure has one journal and one error, too", async () => {
  const engine = createWorker("worker-e");
  const ids = await queue(20, true);
  await engine.claimAndRun(workflow.tenantId, ids);
  await expectSameTraces(ids, true);
  expect(expected.get(true)).toMatchObject({ message: "[FATAL] Stopped after PROVIDER_REJECTED." });
});

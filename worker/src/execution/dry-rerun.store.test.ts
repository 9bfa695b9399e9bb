import { dryRerunSchema } from "@fluxo/contracts/http/reruns";
import type { JsonObject } from "@fluxo/core/json";
import { graphSchema } from "@fluxo/core/graph/graph";
import { claimDryReruns, finishDryRerun } from "@fluxo/prisma/executions/dry-rerun";
import { uuidV7 } from "@fluxo/prisma/ids";
import { queueExecutions, seedWorkflow, type SeededWorkflow } from "@fluxo/prisma/testing/seed";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { systemClock } from "@fluxo/runtime/clock";
import { createGuardedClient } from "@fluxo/runtime/http/guarded-client";
import { createLogger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { startSink, type Sink } from "@fluxo/test/support/sink";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createNodePorts } from "../node-ports/node-ports.ts";
import { DryTaker } from "./dry-taker.ts";
import type { Engine } from "./engine.ts";
import { createEngine } from "./testing/pod.ts";

type GraphInput = Parameters<typeof seedWorkflow>[1];

const logger = createLogger({ service: "test", level: "error" });
const pools = await useTestDatabase();
const { owner, app, system } = pools;
let sink: Sink;
let engine: Engine;
let taker: DryTaker;

beforeAll(async () => {
  sink = await startSink();
  const metrics = createMetrics(createRegistry());
  const tools = { clock: systemClock, random: () => 0, ports: createNodePorts({ http: createGuardedClient({ allowedPrivateHosts: [`127.0.0.1:${sink.port}`] }) }), metrics };
  engine = createEngine(pools, "dry", { leaseMs: 60_000, privateHosts: [`127.0.0.1:${sink.port}`] });
  taker = new DryTaker({ app, system, owner: "dry", ids: uuidV7, logger, tools });
});

afterAll(() => sink.stop());

const edge = (from: string, to: string, port = "main") => ({ from, port, to });
const call = (id: string, path: string, rest: object = {}) => ({ id, type: "http.request", params: { url: `${sink.url}${path}`, method: "POST" }, retry: { maxAttempts: 1 }, ...rest });
const set = (id: string, fields: Record<string, string> = {}) => ({ id, type: "set", params: { fields } });

async function runNew(workflow: SeededWorkflow, input: JsonObject = {}): Promise<string> {
  const [id] = (await queueExecutions(app, workflow, [input])) as [string];
  await engine.claimAndRun(workflow.tenantId, [id]);
  return id;
}

/** Queues a dry rerun as the API does. */
async function queueDry(workflow: SeededWorkflow, executionId: string, graph: GraphInput, input: JsonObject = {}): Promise<string> {
  const id = uuidV7.next();
  await owner.query("INSERT INTO dry_reruns (tenant_id, id, execution_id, version, graph, trigger_node_id, input) VALUES ($1, $2, $3, 'draft', $4, 'start', $5)", [
    ...[workflow.tenantId, id, executionId],
    ...[JSON.stringify(graphSchema.parse(graph)), JSON.stringify(input)],
  ]);
  return id;
}

interface DryResult {
  readonly status: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly output: JsonObject | null;
  readonly nodes: readonly { readonly nodeId: string; readonly item: number; readonly outcome: string; readonly answeredBy: string; readonly before?: JsonObject; readonly now?: JsonObject }[];
}

async function dry(workflow: SeededWorkflow, executionId: string, graph: GraphInput, input: JsonObject = {}): Promise<DryResult> {
  const id = await queueDry(workflow, executionId, graph, input);
  await taker.tick();
  const { rows } = await owner.query("SELECT status, result, error_message FROM dry_reruns WHERE id = $1", [id]);
  if (rows[0].status !== "DONE") throw new Error(JSON.stringify(rows[0]));
  // The admin API answers it as it is.
  expect(dryRerunSchema.shape.result.parse(rows[0].result)).toEqual(rows[0].result);
  return rows[0].result as DryResult;
}

const outcomes = ({ nodes }: DryResult): Record<string, string> => Object.fromEntries(nodes.map(({ nodeId, item, outcome }) => [item === 0 ? nodeId : `${nodeId}:${item}`, outcome]));

/** Every row that an execution could have left, of all tenants. */
async function footprint(): Promise<unknown> {
  const { rows } = await owner.query(
    `SELECT (SELECT count(*) FROM executions) AS executions, (SELECT count(*) FROM node_executions) AS nodes, (SELECT count(*) FROM payloads) AS payloads, (SELECT count(*) FROM outbox) AS outbox,
            (SELECT count(*) FROM occurrences) AS occurrences, (SELECT json_agg(u) FROM usage_windows u) AS usage, (SELECT json_agg(s) FROM concurrency_slots s) AS slots, (SELECT count(*) FROM reservations) AS reservations`,
  );
  return rows[0];
}

const edited = (greeting: string): GraphInput => ({
  nodes: [
    { id: "start", type: "trigger.manual" },
    call("order", "/echo/dry-order"),
    { id: "pause", type: "delay", params: { durationMs: 3_600_000 } },
    set("greet", { text: greeting }),
    call("send", "/echo/dry-send"),
    set("last", { text: "{{ greet.text }}", status: "{{ send.status }}" }),
  ],
  edges: [edge("start", "order"), edge("order", "greet"), edge("greet", "send"), edge("send", "last"), edge("start", "pause")],
});

test("an unchanged graph is the same in every node, and nothing acts, counts or is written", async () => {
  const graph: GraphInput = { ...edited("Hello {{ trigger.name }}"), edges: edited("").edges?.filter(({ to }) => to !== "pause") ?? [], nodes: edited("Hello {{ trigger.name }}").nodes.filter(({ id }) => id !== "pause") };
  const workflow = await seedWorkflow(owner, graph);
  const id = await runNew(workflow, { name: "Ada" });
  const before = { footprint: await footprint(), received: sink.received("/").length };
  const result = await dry(workflow, id, graph, { name: "Ada" });
  expect(result).toMatchObject({ status: "SUCCESS", counts: { same: 5 } });
  expect(result.nodes.map(({ answeredBy }) => answeredBy)).toEqual(["computed", "record", "computed", "record", "computed"]);
  expect({ footprint: await footprint(), received: sink.received("/").length }).toEqual(before);
});

test("an edited graph and another input show as differences, with both outputs; what acts is answered from the record", async () => {
  const workflow = await seedWorkflow(owner, edited("Hello {{ trigger.name }}"));
  const id = await runNew(workflow, { name: "Ada" });
  await owner.query("UPDATE executions SET resume_at = now() - interval '1 hour' WHERE id = $1", [id]);
  await owner.query("UPDATE node_executions SET resume_at = now() - interval '1 hour' WHERE execution_id = $1 AND resume_at IS NOT NULL", [id]);
  await engine.claimAndRun(workflow.tenantId, [id]);
  const calls = sink.received("/echo/dry-").length;
  const result = await dry(workflow, id, edited("Dear {{ trigger.name }}"), { name: "Eve" });
  expect(outcomes(result)).toMatchObject({ start: "different", order: "same", greet: "different", send: "same", last: "different" });
  const greet = result.nodes.find(({ nodeId }) => nodeId === "greet");
  expect(greet).toMatchObject({ answeredBy: "computed", before: { status: "SUCCESS", output: { text: "Hello Ada" } }, now: { output: { text: "Dear Eve" } } });
  expect(result.output).toMatchObject({ results: { last: { text: "Dear Eve", status: 200 } } });
  expect(sink.received("/echo/dry-").length).toBe(calls);
});

test("what the record does not have is told, and nothing that depends on it is made up; other branches are computed", async () => {
  const base: GraphInput = { nodes: [{ id: "start", type: "trigger.manual" }, set("side", { a: "1" }), set("gone")], edges: [edge("start", "side"), edge("start", "gone")] };
  const workflow = await seedWorkflow(owner, base);
  const id = await runNew(workflow);
  const result = await dry(workflow, id, {
    nodes: [{ id: "start", type: "trigger.manual" }, set("side", { a: "1" }), call("fresh", "/echo/dry-fresh"), set("uses", { x: "{{ fresh.status }}" }), { id: "join", type: "merge" }, set("after", { y: "{{ join }}" }), set("extra")],
    edges: [edge("start", "side"), edge("start", "fresh"), edge("fresh", "uses"), edge("uses", "join"), edge("side", "join"), edge("join", "after"), edge("side", "extra")],
  });
  expect(result).toMatchObject({ status: "INCOMPLETE", counts: { same: 2, notRecorded: 1, notComputed: 3, onlyNow: 1, onlyBefore: 1 } });
  expect(outcomes(result)).toEqual({ start: "same", side: "same", fresh: "notRecorded", uses: "notComputed", join: "notComputed", after: "notComputed", extra: "onlyNow", gone: "onlyBefore" });
  expect(sink.received("/echo/dry-fresh")).toHaveLength(0);
});

test("a loop is answered item by item; what follows it is open when one item is", async () => {
  const graph: GraphInput = {
    nodes: [{ id: "start", type: "trigger.manual" }, { id: "each", type: "for-each", params: { items: "{{ trigger.list }}" } }, call("send", "/echo/dry-loop"), set("note", { n: "{{ item }}" }), set("end", { count: "{{ each.count }}" })],
    edges: [edge("start", "each"), edge("each", "send", "item"), edge("send", "note"), edge("each", "end")],
  };
  const workflow = await seedWorkflow(owner, graph);
  const id = await runNew(workflow, { list: [1, 2] });
  expect(await dry(workflow, id, graph, { list: [1, 2] })).toMatchObject({ status: "SUCCESS", counts: { same: 7 } });
  const longer = await dry(workflow, id, graph, { list: [1, 2, 3] });
  expect(longer.status).toBe("INCOMPLETE");
  expect(outcomes(longer)).toMatchObject({ send: "same", "send:1": "same", "send:2": "notRecorded", "note:1": "same", "note:2": "notComputed", each: "notComputed", end: "notComputed" });
});

test("a graph that fails now says so", async () => {
  const graph = (message: string): GraphInput => ({ nodes: [{ id: "start", type: "trigger.manual" }, { id: "halt", type: "stop", params: { message, code: "NO" } }], edges: [edge("start", "halt")] });
  const workflow = await seedWorkflow(owner, graph("First"));
  const id = await runNew(workflow);
  const result = await dry(workflow, id, graph("Second"));
  expect(result).toMatchObject({ status: "FAILED", counts: { same: 1, different: 1 } });
  expect(result.nodes.find(({ nodeId }) => nodeId === "halt")).toMatchObject({ before: { error: { message: expect.stringContaining("First") } }, now: { error: { message: expect.stringContaining("Second") } } });
});

test("one of a tenant at a time; one that was left behind is taken again, and given up after three times", async () => {
  const graph: GraphInput = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };
  const [workflow, other] = [await seedWorkflow(owner, graph), await seedWorkflow(owner, graph)];
  const [id, otherId] = [await runNew(workflow), await runNew(other)];
  const [first, second] = [await queueDry(workflow, id, graph), await queueDry(workflow, id, graph)];
  const third = await queueDry(other, otherId, graph);
  const taken = await claimDryReruns(system, "dead", 60_000, 10);
  expect(new Set(taken.map((dryRerun) => dryRerun.id))).toEqual(new Set([first, third]));
  expect(await claimDryReruns(system, "dead", 60_000, 10)).toEqual([]);
  for (let attempt = 2; attempt <= 3; attempt += 1) {
    await owner.query("UPDATE dry_reruns SET lease_until = now() - interval '1 second' WHERE status = 'RUNNING'");
    expect(await claimDryReruns(system, "dead", 60_000, 10)).toHaveLength(2);
  }
  await owner.query("UPDATE dry_reruns SET lease_until = now() - interval '1 second' WHERE status = 'RUNNING'");
  await taker.tick();
  const { rows } = await owner.query("SELECT id, status, error_code FROM dry_reruns WHERE id = ANY ($1) ORDER BY id", [[first, second, third]]);
  expect(rows).toEqual([
    { id: first, status: "FAILED", error_code: "EXECUTION_UNREADABLE" },
    { id: second, status: "DONE", error_code: null },
    { id: third, status: "FAILED", error_code: "EXECUTION_UNREADABLE" },
  ]);
  expect(await finishDryRerun(app, "dead", { tenantId: workflow.tenantId, id: second }, { result: {} })).toBe(false);
});

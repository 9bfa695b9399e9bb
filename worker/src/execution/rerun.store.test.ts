import { cancelExecution } from "@fluxo/prisma/executions/cancel";
import { rerunExecution, type RerunRequest, type RerunResult } from "@fluxo/prisma/executions/rerun";
import { uuidV7 } from "@fluxo/prisma/ids";
import { listenToOutbox } from "@fluxo/prisma/testing/outbox-notifications";
import { addPlan, addWorkflow, queueExecutions, seedWorkflow, type SeededWorkflow } from "@fluxo/prisma/testing/seed";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { startSink, type Sink } from "@fluxo/test/support/sink";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Engine } from "./engine.ts";
import { createEngine } from "./testing/pod.ts";

type GraphInput = Parameters<typeof seedWorkflow>[1];

const pools = await useTestDatabase();
const { owner, app } = pools;
let sink: Sink;
let engine: Engine;

beforeAll(async () => {
  sink = await startSink();
  engine = createEngine(pools, "rerun", { leaseMs: 60_000, privateHosts: [`127.0.0.1:${sink.port}`] });
});

afterAll(() => sink.stop());

const edge = (from: string, to: string, port = "main") => ({ from, port, to });
const call = (id: string, path: string, rest: object = {}) => ({ id, type: "http.request", params: { url: `${sink.url}${path}`, method: "POST" }, retry: { maxAttempts: 1 }, ...rest });
const set = (id: string, fields: Record<string, string> = {}) => ({ id, type: "set", params: { fields } });

function rerun(workflow: SeededWorkflow, executionId: string, rest: Partial<RerunRequest> = {}): Promise<RerunResult> {
  const newId = rest.newId ?? uuidV7.next();
  return rerunExecution(app, { tenantId: workflow.tenantId, executionId, newId, payloadId: uuidV7.next(), from: "failedNode", version: "same", occurrenceKey: `rerun:${newId}`, fingerprint: "f", ...rest });
}

/** Reruns an execution and runs the new one to its end. Returns its id. */
async function rerunAndRun(workflow: SeededWorkflow, executionId: string, rest: Partial<RerunRequest> = {}): Promise<string> {
  const result = await rerun(workflow, executionId, rest);
  if (result.outcome !== "accepted") throw new Error(JSON.stringify(result));
  expect(await engine.claimAndRun(workflow.tenantId, [result.executionId])).toMatchObject({ claimed: 1 });
  return result.executionId;
}

async function runNew(workflow: SeededWorkflow, input: Parameters<typeof queueExecutions>[2][number] = {}): Promise<string> {
  const [id] = (await queueExecutions(app, workflow, [input])) as [string];
  await engine.claimAndRun(workflow.tenantId, [id]);
  return id;
}

async function execution(id: string) {
  const { rows } = await owner.query("SELECT * FROM executions WHERE id = $1", [id]);
  return rows[0];
}

async function journal(id: string): Promise<{ node_id: string; item: number; status: string; is_seeded: boolean; output: unknown; output_ref: string | null; usage: unknown }[]> {
  const { rows } = await owner.query("SELECT node_id, item, status, is_seeded, output, output_ref, usage FROM node_executions WHERE execution_id = $1 ORDER BY position, item", [id]);
  return rows;
}

test("from the failed node: what succeeded is taken over and not done again, the failed node and what follows are done anew under new keys", async () => {
  const workflow = await seedWorkflow(owner, {
    nodes: [
      { id: "start", type: "trigger.manual" },
      call("paid", "/echo/rerun-paid"),
      call("handled", "/status/404/rerun-handled", { onError: "branch" }),
      set("rescue", { why: "{{ handled.error.code }}" }),
      set("never"),
      call("broken", "/flaky/1/rerun-broken"),
      set("behind", { seen: "{{ broken.body.received }}" }),
    ],
    edges: [edge("start", "paid"), edge("start", "handled"), edge("handled", "rescue", "error"), edge("handled", "never"), edge("paid", "broken"), edge("broken", "behind")],
  });
  const original = await runNew(workflow, { n: 1 });
  expect(await execution(original)).toMatchObject({ status: "FAILED", error_code: "PROVIDER_FAILED" });
  const before = { row: await execution(original), journal: await journal(original) };
  const again = await rerunAndRun(workflow, original);
  expect(await execution(again)).toMatchObject({ status: "SUCCESS", rerun_of: original, occurrence_key: `rerun:${again}`, input: { n: 1 }, output: { results: { behind: { seen: 2 }, rescue: { why: "PROVIDER_REJECTED" } } } });
  expect((await journal(again)).map(({ node_id, status, is_seeded }) => [node_id, status, is_seeded])).toEqual([
    ["start", "SUCCESS", true],
    ["handled", "FAILED", true],
    ["paid", "SUCCESS", true],
    ["broken", "SUCCESS", false],
    ["never", "SKIPPED", true],
    ["rescue", "SUCCESS", true],
    ["behind", "SUCCESS", false],
  ]);
  expect(sink.received("/echo/rerun-paid")).toHaveLength(1);
  expect(sink.received("/status/404/rerun-handled")).toHaveLength(1);
  expect(sink.received("/flaky/1/rerun-broken").map(({ headers }) => headers["idempotency-key"])).toEqual([`${original}:broken:0`, `${again}:broken:0`]);
  expect({ row: await execution(original), journal: await journal(original) }).toEqual(before);
});

test("stored inputs and outputs are copied: the rerun outlives the original", async () => {
  const large = "x".repeat(50_000);
  const workflow = await seedWorkflow(owner, {
    nodes: [{ id: "start", type: "trigger.manual" }, set("keep", { large: "{{ trigger.large }}" }), call("broken", "/flaky/1/rerun-large"), set("last", { size: "{{ keep.large }}" })],
    edges: [edge("start", "keep"), edge("keep", "broken"), edge("broken", "last")],
  });
  const original = await runNew(workflow, { large });
  const queued = await rerun(workflow, original);
  await owner.query("DELETE FROM executions WHERE id = $1", [original]);
  if (queued.outcome !== "accepted") throw new Error(queued.outcome);
  await engine.claimAndRun(workflow.tenantId, [queued.executionId]);
  expect(await execution(queued.executionId)).toMatchObject({ status: "SUCCESS" });
  const { rows } = await owner.query("SELECT count(*)::int AS n FROM payloads WHERE execution_id = $1 AND length(body::text) > 50000", [queued.executionId]);
  expect(rows[0].n).toBe(5);
});

test("from the start: with the recorded input or another one, on the same version or the latest", async () => {
  const workflow = await seedWorkflow(owner, { nodes: [{ id: "start", type: "trigger.manual" }, set("one", { n: "{{ trigger.n }}" })], edges: [edge("start", "one")] });
  const original = await runNew(workflow, { n: 1 });
  const same = await rerunAndRun(workflow, original, { from: "start" });
  expect(await execution(same)).toMatchObject({ status: "SUCCESS", lease_epoch: 1, output: { results: { one: { n: 1 } } } });
  expect((await journal(same)).every(({ is_seeded }) => !is_seeded)).toBe(true);
  const graph = JSON.stringify({ nodes: [{ id: "start", type: "trigger.manual", params: {}, onError: "stop" }, { id: "two", type: "set", params: { fields: { m: "{{ trigger.n }}" } }, onError: "stop" }], edges: [edge("start", "two")] });
  const latestId = uuidV7.next();
  await owner.query("INSERT INTO workflow_versions (tenant_id, id, workflow_id, number, graph, content_hash, node_count, node_types) VALUES ($1, $2, $3, 2, $4, 'other', 2, '{set,trigger.manual}')", [workflow.tenantId, latestId, workflow.workflowId, graph]);
  await owner.query("UPDATE workflows SET published_version_id = $2 WHERE id = $1", [workflow.workflowId, latestId]);
  const latest = await rerunAndRun(workflow, original, { from: "start", version: "latest", input: { n: 5 } });
  expect(await execution(latest)).toMatchObject({ version_id: latestId, input: { n: 5 }, output: { results: { two: { m: 5 } } } });
  const still = await rerunAndRun(workflow, original, { from: "start", input: { n: 6 } });
  expect(await execution(still)).toMatchObject({ version_id: workflow.versionId, output: { results: { one: { n: 6 } } } });
  await owner.query("UPDATE triggers SET is_enabled = false WHERE id = $1", [workflow.triggerId]);
  expect(await rerun(workflow, original, { from: "start", version: "latest" })).toEqual({ outcome: "refused", code: "STATE_CONFLICT", message: 'The latest version has no trigger "start" any more.' });
  expect(await rerun(workflow, original, { from: "start" })).toMatchObject({ outcome: "accepted" });
  await owner.query("UPDATE workflows SET published_version_id = NULL WHERE id = $1", [workflow.workflowId]);
  expect(await rerun(workflow, original, { from: "start", version: "latest" })).toMatchObject({ outcome: "refused", code: "WORKFLOW_NOT_PUBLISHED" });
});

test("a repeat with the same key is the first rerun, also of twenty at once; another request under it is a conflict", async () => {
  const workflow = await seedWorkflow(owner, { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] });
  const original = await runNew(workflow);
  const occurrenceKey = "rerun:order-4711";
  const results = await Promise.all(Array.from({ length: 20 }, () => rerun(workflow, original, { from: "start", occurrenceKey })));
  expect(results.filter(({ outcome }) => outcome === "accepted")).toHaveLength(1);
  expect(new Set(results.map((result) => ("executionId" in result ? result.executionId : ""))).size).toBe(1);
  expect(await rerun(workflow, original, { from: "start", occurrenceKey, fingerprint: "other" })).toMatchObject({ outcome: "conflict" });
  const { rows } = await owner.query("SELECT count(*)::int AS n FROM executions WHERE rerun_of = $1", [original]);
  expect(rows[0].n).toBe(1);
});

test("a rerun is told to relays once, keeps the depth of its original, and has a time in the queue of its own", async () => {
  const workflow = await seedWorkflow(owner, { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] });
  const original = await runNew(workflow);
  await owner.query("UPDATE executions SET depth = 3 WHERE id = $1", [original]);
  await owner.query("UPDATE workflows SET queued_ttl_seconds = 3600 WHERE id = $1", [workflow.workflowId]);
  await owner.query("DELETE FROM outbox");
  const notifications = await listenToOutbox(pools.system);
  const again = await rerun(workflow, original, { from: "start", occurrenceKey: "key" });
  expect(again).toMatchObject({ outcome: "accepted" });
  expect(await rerun(workflow, original, { from: "start", occurrenceKey: "key" })).toEqual({ ...again, outcome: "duplicate" });
  expect(await notifications.heard()).toBe(1);
  const id = "executionId" in again ? again.executionId : "";
  expect((await owner.query("SELECT execution_id AS execution, event_id AS event, deliver_at AS at FROM outbox")).rows).toEqual([{ execution: id, event: id, at: null }]);
  const { depth, expires_at: expiresAt, queued_at: queuedAt } = await execution(id);
  expect(depth).toBe(3);
  expect(Math.round((expiresAt - queuedAt) / 1_000 / 60)).toBe(60);
});

test("a key is its trigger's: another workflow's rerun under the same one is another execution", async () => {
  const workflow = await seedWorkflow(owner, { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] });
  const other = await addWorkflow(owner, workflow.tenantId, { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] });
  const originals = [await runNew(workflow), await runNew(other)];
  for (const id of originals) expect(await rerun(workflow, id, { from: "start", occurrenceKey: "same" })).toMatchObject({ outcome: "accepted" });
});

test("another input takes the place of the recorded one, whichever of them is stored apart; the node that fired is the version's", async () => {
  const workflow = await seedWorkflow(owner, { nodes: [{ id: "start", type: "trigger.manual" }, set("one", { n: "{{ trigger.n }}" })], edges: [edge("start", "one")] });
  const [small, large] = ["small", "x".repeat(50_000)];
  for (const [recorded, given] of [[small, large], [large, small], [large, `${large}y`]] as const) {
    const original = await runNew(workflow, { n: recorded });
    const again = await rerunAndRun(workflow, original, { from: "start", input: { n: given } });
    expect((await journal(again)).map(({ node_id }) => node_id)).toEqual(["start", "one"]);
    const { rows } = await owner.query("SELECT coalesce(n.output, p.body) ->> 'n' = $2 AS same FROM node_executions n LEFT JOIN payloads p ON p.id = n.output_ref WHERE n.execution_id = $1 AND n.node_id = 'one'", [again, given]);
    expect(rows).toEqual([{ same: true }]);
  }
  const original = await runNew(workflow, { n: small });
  await owner.query("UPDATE triggers SET node_id = 'renamed' WHERE id = $1", [workflow.triggerId]);
  const reruns = [await rerun(workflow, original, { from: "start" }), await rerun(workflow, original, { from: "start", version: "latest" })];
  const nodes = await Promise.all(reruns.map(async (result) => (await execution("executionId" in result ? result.executionId : ""))["trigger_node_id"]));
  expect(nodes).toEqual(["start", "renamed"]);
});

test("refuses what has not ended, and from the failed node what did not fail; knows no execution of another tenant", async () => {
  const workflow = await seedWorkflow(owner, { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] });
  const other = await seedWorkflow(owner, { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] });
  const [queued] = (await queueExecutions(app, workflow, [{}])) as [string];
  expect(await rerun(workflow, queued, { from: "start" })).toMatchObject({ outcome: "refused", code: "STATE_CONFLICT", message: "The execution is QUEUED: only one that ended can be rerun." });
  expect(await rerun(other, queued, { from: "start" })).toEqual({ outcome: "notFound" });
  await engine.claimAndRun(workflow.tenantId, [queued]);
  expect(await rerun(workflow, queued)).toMatchObject({ outcome: "refused", message: expect.stringContaining("ended with SUCCESS") });
});

test("a rerun passes admission like any other execution: it counts, and without quota it is blocked", async () => {
  const planId = await addPlan(owner, { concurrencyMax: 5, executionsPerMonth: 2 });
  const workflow = await seedWorkflow(owner, { nodes: [{ id: "start", type: "trigger.manual" }, call("broken", "/status/500/rerun-quota")], edges: [edge("start", "broken")] }, planId);
  const original = await runNew(workflow);
  const second = await rerunAndRun(workflow, original);
  expect(await execution(second)).toMatchObject({ status: "FAILED" });
  const third = await rerun(workflow, second);
  if (third.outcome !== "accepted") throw new Error(third.outcome);
  expect(await engine.claimAndRun(workflow.tenantId, [third.executionId])).toMatchObject({ blocked: 1 });
  expect(await execution(third.executionId)).toMatchObject({ status: "BLOCKED", reason: "QUOTA_EXCEEDED", rerun_of: second });
});

test("a canceled execution goes on from where it was; what waited begins anew", async () => {
  const workflow = await seedWorkflow(owner, {
    nodes: [{ id: "start", type: "trigger.manual" }, call("first", "/echo/rerun-canceled"), { id: "pause", type: "delay", params: { durationMs: 60_000 } }, set("last")],
    edges: [edge("start", "first"), edge("first", "pause"), edge("pause", "last")],
  });
  const original = await runNew(workflow);
  await cancelExecution(app, workflow.tenantId, original);
  const again = await rerunAndRun(workflow, original);
  expect(await execution(again)).toMatchObject({ status: "WAITING", reason: "DELAY" });
  expect((await journal(again)).map(({ node_id, is_seeded }) => [node_id, is_seeded])).toEqual([["start", true], ["first", true], ["pause", false]]);
  expect(sink.received("/echo/rerun-canceled")).toHaveLength(1);
});

test("a loop that stopped goes on with the items that are missing", async () => {
  const workflow = await seedWorkflow(owner, {
    nodes: [
      { id: "start", type: "trigger.manual" },
      { id: "each", type: "for-each", params: { items: "{{ trigger.list }}" } },
      { id: "send", type: "http.request", params: { url: `${sink.url}/flaky/{{ item }}/rerun-loop-{{ loop.index }}`, method: "POST" }, retry: { maxAttempts: 1 } },
      set("last", { count: "{{ each.count }}" }),
    ],
    edges: [edge("start", "each"), edge("each", "send", "item"), edge("each", "last")],
  });
  const original = await runNew(workflow, { list: [0, 0, 1, 0] });
  expect(await execution(original)).toMatchObject({ status: "FAILED" });
  const again = await rerunAndRun(workflow, original);
  expect(await execution(again)).toMatchObject({ status: "SUCCESS", output: { results: { last: { count: 4 } } } });
  expect([0, 1, 2, 3].map((index) => sink.received(`/flaky/${index === 2 ? 1 : 0}/rerun-loop-${index}`).length)).toEqual([1, 1, 2, 1]);
});

test("a loop that came to its end keeps all its items, the failed ones too", async () => {
  const workflow = await seedWorkflow(owner, {
    nodes: [
      { id: "start", type: "trigger.manual" },
      { id: "each", type: "for-each", params: { items: "{{ trigger.list }}", onItemError: "continue" } },
      { id: "send", type: "http.request", params: { url: `${sink.url}/status/{{ item }}/rerun-kept`, method: "POST" }, retry: { maxAttempts: 1 } },
      set("note", { n: "{{ send.status }}" }),
      call("broken", "/flaky/1/rerun-after-loop"),
    ],
    edges: [edge("start", "each"), edge("each", "send", "item"), edge("send", "note"), edge("each", "broken")],
  });
  const original = await runNew(workflow, { list: [200, 404] });
  const again = await rerunAndRun(workflow, original);
  const ofLoop = (rows: Awaited<ReturnType<typeof journal>>) => rows.filter(({ node_id }) => node_id !== "broken").map(({ node_id, item, status, output }) => ({ node_id, item, status, output }));
  expect(ofLoop(await journal(again))).toEqual(ofLoop(await journal(original)));
  expect(await execution(again)).toMatchObject({ status: "SUCCESS", output: { failures: [{ nodeId: "send", code: "PROVIDER_REJECTED" }] } });
  expect((await journal(again)).filter(({ is_seeded }) => !is_seeded).map(({ node_id }) => node_id)).toEqual(["broken"]);
  expect([200, 404].map((status) => sink.received(`/status/${status}/rerun-kept`).length)).toEqual([1, 1]);
});

/** A random graph without cycles: calls of the sink, data, branches and joins. One call fails the first time it is made. */
const graphs = fc.record({
  kinds: fc.array(fc.constantFrom("call", "set", "if", "merge", "handled"), { minLength: 3, maxLength: 8 }),
  links: fc.array(fc.tuple(fc.nat(1_000), fc.nat(1_000)), { minLength: 0, maxLength: 8 }),
  failing: fc.nat(1_000),
});

let graphCount = 0;

function toGraph({ kinds, links, failing }: { kinds: string[]; links: [number, number][]; failing: number }): { graph: GraphInput; prefix: string } {
  graphCount += 1;
  const prefix = `property-${graphCount}`;
  const failingIndex = failing % kinds.length;
  const nodes = kinds.map((kind, index) => {
    const id = `n${index}`;
    if (index === failingIndex || kind === "call") return call(id, `/flaky/${index === failingIndex ? 1 : 0}/${prefix}-${id}`);
    if (kind === "handled") return call(id, `/status/404/${prefix}-${id}`, { onError: "continue" });
    if (kind === "if") return { id, type: "if", params: { conditions: [{ left: String(index), operator: "equals", right: index % 2 === 0 ? String(index) : "no" }] } };
    if (kind === "merge") return { id, type: "merge" };
    return set(id, { index: String(index) });
  });
  const portOf = (from: number): string => (kinds[from] === "if" && from !== failingIndex ? (from % 3 === 0 ? "false" : "true") : "main");
  const edges = nodes.map(({ id }, index) => (index === 0 ? edge("start", id) : edge(`n${Math.floor((index - 1) / 2)}`, id, portOf(Math.floor((index - 1) / 2)))));
  for (const [left, right] of links) {
    const [from, to] = [left % kinds.length, right % kinds.length].toSorted((a, b) => a - b) as [number, number];
    if (from !== to && !edges.some((known) => known.from === `n${from}` && known.to === `n${to}`)) edges.push(edge(`n${from}`, `n${to}`, portOf(from)));
  }
  return { graph: { nodes: [{ id: "start", type: "trigger.manual" }, ...nodes], edges }, prefix };
}

/** What came out, without what differs between two executions of the same graph. */
async function outcomeOf(id: string): Promise<unknown> {
  const { status, output } = await execution(id);
  const rows = (await journal(id)).map(({ node_id, status: state }) => [node_id, state]);
  const text = JSON.stringify({ status, results: output.results, codes: output.failures.map(({ nodeId, code }: { nodeId: string; code: string }) => [nodeId, code]), rows });
  return JSON.parse(text.replaceAll(/"date":"[^"]*"/g, '"date":""').replaceAll(/"received":\d+/g, '"received":0').replaceAll(id, "<id>"));
}

test("for any graph, the rerun from the failed node comes to what an uninterrupted execution comes to, and repeats no call that succeeded", { timeout: 120_000 }, async () => {
  let reruns = 0;
  await fc.assert(
    fc.asyncProperty(graphs, async (shape) => {
      const { graph, prefix } = toGraph(shape);
      const workflow = await seedWorkflow(owner, graph);
      const original = await runNew(workflow);
      if ((await execution(original)).status !== "FAILED") return; // the failing node was not reached
      const committed = new Set((await journal(original)).filter(({ status }) => status === "SUCCESS").map(({ node_id }) => node_id));
      reruns += 1;
      const again = await rerunAndRun(workflow, original);
      const uninterrupted = await runNew(workflow);
      expect(await outcomeOf(again)).toEqual(await outcomeOf(uninterrupted));
      for (const nodeId of committed) {
        const keys = [`/flaky/0/${prefix}-${nodeId}`, `/flaky/1/${prefix}-${nodeId}`].flatMap((path) => sink.received(path)).map(({ path, headers }) => `${path} ${String(headers["idempotency-key"])}`);
        expect(keys.filter((key) => key.includes(again) || key.includes(original)).length).toBeLessThanOrEqual(1);
      }
    }),
    { seed: 20_261_123, numRuns: 60 },
  );
  expect(reruns).toBeGreaterThan(30);
});

import { graphSchema, type Graph } from "@fluxo/core/graph/graph";
import { validateGraph } from "@fluxo/core/graph/validate";
import { findDefinition } from "@fluxo/nodes/catalog";
import fc from "fast-check";
import { expect, test } from "vitest";
import { PARALLEL_NODES_MAX } from "./limits.ts";
import { loopGraphs } from "./testing/loops/graphs.ts";
import { simulate, type Choose, type Outcome } from "./testing/loops/world.ts";

const TIMEOUT_MS = 120_000;

const chance = fc.infiniteStream(fc.nat({ max: 1_000 })).map((stream): Choose => () => stream.next().value ?? 0);
const crashes = fc.array(fc.nat({ max: 40 }), { maxLength: 4 });
const input = { n: 2 };

/** How often each thing happened that these tests are about, so that none of them passes for want of it. */
function tally(): { readonly add: (outcome: Outcome) => void; readonly seen: Record<string, number> } {
  const seen: Record<string, number> = { crashes: 0, loops: 0, items: 0, failedItems: 0, skippedInItems: 0, delayedItems: 0, backOffs: 0 };
  const count = (name: string, by: number): void => void (seen[name] = (seen[name] ?? 0) + by);
  return {
    seen,
    add: ({ journal, crashes: died }) => {
      count("crashes", died);
      count("loops", journal.filter(({ status, output }) => status === "SUCCESS" && typeof output === "object" && output !== null && "results" in output && "count" in output).length);
      count("items", journal.filter(({ item }) => Number(item) > 0).length);
      count("failedItems", journal.filter(({ item, status, ports }) => Number(item) > 0 && status === "FAILED" && Array.isArray(ports) && ports.length === 0).length);
      count("skippedInItems", journal.filter(({ item, status }) => Number(item) > 0 && status === "SKIPPED").length);
      count("backOffs", journal.filter(({ attempt }) => attempt === 2).length);
      count("delayedItems", journal.filter(({ item, output }) => Number(item) > 0 && JSON.stringify(output).includes("resumedAt")).length);
    },
  };
}

/** What was asked to come again came again: its second attempt is the one that is recorded, with what the provider answered then. */
function expectSecondAttempts(graph: Graph, { journal }: Outcome): void {
  const limited = new Set(graph.nodes.filter(({ params }) => JSON.stringify(params).includes("/limited/")).map(({ id }) => id));
  for (const { nodeId, status, attempt, output } of journal) {
    if (limited.has(nodeId as string) && status !== "SKIPPED") expect({ status, attempt, output }).toMatchObject({ status: "SUCCESS", attempt: 2, output: { status: 200, body: { nodeId } } });
  }
}

/** The settlement without what differs between any two: instants and stacks. */
function withoutInstants({ settlement }: Outcome): unknown {
  return JSON.parse(JSON.stringify(settlement, (key, value: unknown) => (["occurredAt", "stack", "resumedAt"].includes(key) ? undefined : value)));
}

test("in whatever order things happen and wherever workers die, the journal is the same, and nothing recorded runs again", { timeout: TIMEOUT_MS }, async () => {
  const { add, seen } = tally();
  await fc.assert(
    fc.asyncProperty(loopGraphs({ mergeMode: "waitAll" }), chance, crashes, async (graph, choose, crashAfter) => {
      expect(validateGraph(graph, { get: findDefinition })).toEqual([]);
      const expected = await simulate(graph, input, () => 0);
      const outcome = await simulate(graph, input, choose, crashAfter);
      expect(outcome.journal).toEqual(expected.journal);
      expectSecondAttempts(graph, outcome);
      expect(withoutInstants(outcome)).toEqual(withoutInstants(expected));
      expect(outcome.settlement.status).toBe("SUCCESS");
      expect(outcome.mostInWork).toBeLessThanOrEqual(PARALLEL_NODES_MAX);
      add(outcome);
    }),
    { numRuns: 1_000 },
  );
  for (const [name, times] of Object.entries(seen)) expect({ name, times }).toEqual({ name, times: expect.toSatisfy((count: number) => count > 20) });
});

test("with merges of the first branch, whoever wins: the same nodes run, a winner that is recorded stays, and only winners are used", { timeout: TIMEOUT_MS }, async () => {
  const shapeOf = ({ journal }: Outcome): unknown => journal.map(({ nodeId, item, status, attempt, ports }) => ({ nodeId, item, status, attempt, ports }));
  let merges = 0;
  await fc.assert(
    fc.asyncProperty(loopGraphs({ mergeMode: "first" }), chance, crashes, async (graph, choose, crashAfter) => {
      const expected = await simulate(graph, input, () => 0);
      const outcome = await simulate(graph, input, choose, crashAfter);
      expect(shapeOf(outcome)).toEqual(shapeOf(expected));
      const outputs = new Map(outcome.journal.map(({ nodeId, item, output }) => [JSON.stringify([nodeId, item]), output]));
      for (const { nodeId, item, output, status } of outcome.journal) {
        if (graph.nodes.find(({ id }) => id === nodeId)?.type !== "merge" || status !== "SUCCESS") continue;
        const { nodeId: winner, output: won } = output as { nodeId: string; output: unknown };
        const isLoop = graph.edges.some(({ from, to, port }) => from === winner && to === nodeId && port === "item");
        expect(won).toEqual(isLoop ? { item } : outputs.get(JSON.stringify([winner, item])));
        merges += 1;
      }
    }),
    { numRuns: 500 },
  );
  expect(merges).toBeGreaterThan(30);
});

test("a join does not run ahead of the record that a branch into it is not taken", { timeout: TIMEOUT_MS }, async () => {
  const node = (id: string, type: string, params: object = {}) => ({ id, type, params });
  const edge = (from: string, to: string, port = "main") => ({ from, to, port });
  const condition = { conditions: [{ left: "{{ trigger.n }}", operator: "equals", right: 2 }] };
  const graph = graphSchema.parse({
    nodes: [node("start", "trigger.manual"), node("route", "if", condition), node("far", "set", { fields: {} }), node("act", "http.request", { url: "https://provider.example/ok/act/0" }), node("join", "http.request", { url: "https://provider.example/ok/join/0" }), node("each", "for-each", { items: [1, 2] }), node("inner", "set", { fields: {} })],
    edges: [edge("start", "route"), edge("start", "act"), edge("route", "far", "false"), edge("far", "join"), edge("act", "join"), edge("route", "each", "false"), edge("act", "each"), edge("each", "inner", "item")],
  });
  const expected = await simulate(graph, input, () => 0);
  await fc.assert(
    fc.asyncProperty(chance, fc.nat({ max: 12 }), async (choose, crashAfter) => {
      expect((await simulate(graph, input, choose, [crashAfter])).journal).toEqual(expected.journal);
    }),
    { numRuns: 1_500 },
  );
});

test("after a failure that stops the execution, what runs finishes and is recorded, and nothing more starts", async () => {
  const url = (path: string): object => ({ url: `https://provider.example/${path}` });
  const graph = graphSchema.parse({
    nodes: [{ id: "start", type: "trigger.manual" }, { id: "a-fails", type: "http.request", params: url("bad0/a-fails/0") }, { id: "b-runs", type: "http.request", params: url("ok/b-runs/0") }, { id: "c-after", type: "http.request", params: url("ok/c-after/0") }],
    edges: [{ from: "start", to: "a-fails" }, { from: "start", to: "b-runs" }, { from: "b-runs", to: "c-after" }],
  });
  // The trigger is recorded, the provider answers the first call, and that is recorded before the second call has its answer.
  const order = [0, 0, 1];
  const outcome = await simulate(graph, input, () => order.shift() ?? 0);
  expect(outcome.settlement).toMatchObject({ status: "FAILED", error: { nodeId: "a-fails", code: "PROVIDER_REJECTED" } });
  expect(outcome.journal.map(({ nodeId, status }) => [nodeId, status])).toEqual([["start", "SUCCESS"], ["a-fails", "FAILED"], ["b-runs", "SUCCESS"]]);
  // The worker dies when the failure is recorded and the second call has no answer: whoever takes over ends the execution, and calls nobody.
  const again = [0, 0, 1];
  const taken = await simulate(graph, input, () => again.shift() ?? 0, [3]);
  expect(taken).toMatchObject({ crashes: 1, settlement: { status: "FAILED", error: { nodeId: "a-fails" }, output: { failures: [{ nodeId: "a-fails" }] } } });
  expect(taken.journal.map(({ nodeId, status }) => [nodeId, status])).toEqual([["start", "SUCCESS"], ["a-fails", "FAILED"]]);
});

function workflow(each: object, body: readonly object[], bodyEdges: readonly (readonly [string, string, string?])[], after: readonly object[] = []): Graph {
  const edges = [["start", "each"], ...bodyEdges, ...after.map((node) => ["each", (node as { id: string }).id] as const)] as const;
  const nodes = [{ id: "start", type: "trigger.manual" }, { id: "each", type: "for-each", ...each }, ...body, ...after];
  return graphSchema.parse({ nodes, edges: edges.map(([from, to, port]) => ({ from, to, port: port ?? "main" })) });
}

const call = { id: "call", type: "http.request", params: { url: "https://provider.example/bad1/call/{{ loop.index }}" } };

function statuses({ journal }: Outcome, nodeId: string): unknown[] {
  return journal.filter((row) => row["nodeId"] === nodeId).map(({ item, status }) => [item, status]);
}

test("stop: the first failure ends the loop, which fails with its code and names item and node", async () => {
  const outcome = await simulate(workflow({ params: { items: ["a", "b", "c", "d"] } }, [call], [["each", "call", "item"]], [{ id: "after", type: "set", params: { fields: {} } }]), input, () => 0);
  expect(outcome.settlement).toMatchObject({ status: "FAILED", error: { code: "PROVIDER_REJECTED", nodeId: "each", message: expect.stringMatching(/^Item 1 failed at "call": /) } });
  expect(statuses(outcome, "call")).toEqual([[0, "SUCCESS"], [1, "FAILED"]]);
  expect([statuses(outcome, "each"), statuses(outcome, "after")]).toEqual([[[0, "FAILED"]], [[0, "SKIPPED"]]]);
});

test("stop: an item in work finishes its node and starts no further one, also when the execution goes on after the loop", async () => {
  const graph = workflow({ params: { items: [0, 1], concurrency: 2 }, onError: "continue" }, [call, { id: "next", type: "set", params: { fields: {} } }], [["each", "call", "item"], ["call", "next"]]);
  // Trigger and loop are recorded, the second item fails and is recorded so, and only then the first one's call has its answer.
  const order = [0, 0, 1, 1];
  const outcome = await simulate(graph, input, () => order.shift() ?? 0);
  expect(outcome.settlement).toMatchObject({ status: "SUCCESS", output: { results: { each: { error: { message: expect.stringMatching(/^Item 1 failed/) } } } } });
  expect([statuses(outcome, "call"), statuses(outcome, "next")]).toEqual([[[0, "SUCCESS"], [1, "FAILED"]], [[1, "SKIPPED"]]]);
});

test("stop: of several items in work the nodes in work finish, whatever happens first, and the loop tells of the first item that failed", async () => {
  const graph = workflow({ params: { items: [0, 1, 2, 3, 4, 5], concurrency: 4 }, onError: "continue" }, [call], [["each", "call", "item"]], [{ id: "after", type: "set", params: { fields: { why: "{{ each.error.code }}" } } }]);
  await fc.assert(
    fc.asyncProperty(chance, crashes, async (choose, crashAfter) => {
      const outcome = await simulate(graph, input, choose, crashAfter);
      expect(outcome.settlement).toMatchObject({ status: "SUCCESS", output: { results: { after: { why: "PROVIDER_REJECTED" } } } });
      const failed = outcome.journal.filter(({ nodeId, status }) => nodeId === "call" && status === "FAILED").map(({ item }) => Number(item));
      expect(outcome.journal.find(({ nodeId }) => nodeId === "each")?.["message"]).toContain(`Item ${Math.min(...failed)} failed`);
      expect(outcome.journal.filter(({ nodeId, status }) => nodeId === "call" && status === "RUNNING")).toEqual([]);
    }),
    { numRuns: 200 },
  );
});

test("continue: the failed items are told with their index, the others have their results in their places", async () => {
  const { settlement, journal } = await simulate(workflow({ params: { items: ["a", "b", "c"], concurrency: 3, onItemError: "continue" } }, [call], [["each", "call", "item"]]), input, () => 0);
  expect(settlement).toMatchObject({ status: "SUCCESS", output: { results: { each: { count: 3, failed: [{ index: 1, failure: { nodeId: "call", code: "PROVIDER_REJECTED", errorClass: "DATA" } }] } }, failures: [{ nodeId: "call" }] } });
  expect(journal.find(({ nodeId }) => nodeId === "each")?.["output"]).toMatchObject({ results: [{ status: 200 }, null, { status: 200 }] });
});

test("continue: of two branches of an item that fail, the first in plan order is told, whichever failed first; of several that end, all, by alias or id", async () => {
  const failing = ["a", "b"].map((id) => ({ ...call, id, params: { url: `https://provider.example/bad1/${id}/{{ loop.index }}` } }));
  const graph = workflow({ params: { items: [0, 1], concurrency: 2, onItemError: "continue" } }, [...failing, { id: "c", type: "set", params: { fields: { n: 3 } } }], ["a", "b", "c"].map((id) => ["each", id, "item"]));
  const aliased = workflow({ params: { items: [0] } }, [{ id: "a", type: "set", alias: "left", params: { fields: { n: 1 } } }, { id: "b", type: "set", params: { fields: { n: 2 } } }], [["each", "a", "item"], ["each", "b", "item"]]);
  await fc.assert(
    fc.asyncProperty(chance, crashes, async (choose, crashAfter) => {
      const { settlement } = await simulate(graph, input, choose, crashAfter);
      expect(settlement).toMatchObject({ output: { results: { each: { failed: [{ index: 1, failure: { nodeId: "a" } }], results: [{ a: { status: 200 }, b: { status: 200 }, c: { n: 3 } }, null] } } } });
    }),
    { numRuns: 60 },
  );
  expect((await simulate(aliased, input, () => 0)).settlement).toMatchObject({ output: { results: { each: { results: [{ left: { n: 1 }, b: { n: 2 } }] } } } });
});

test("without items, and when it is not reached, the body has one skipped row per node and the loop goes on", async () => {
  const body = [call, { id: "next", type: "set", params: { fields: {} } }];
  const edges = [["each", "call", "item"], ["call", "next"]] as const;
  const empty = await simulate(workflow({ params: { items: [] } }, body, edges, [{ id: "after", type: "set", params: { fields: { n: "{{ each.count }}" } } }]), input, () => 0);
  expect(empty.settlement).toMatchObject({ status: "SUCCESS", output: { results: { after: { n: 0 } } } });
  expect([statuses(empty, "call"), statuses(empty, "next")]).toEqual([[[0, "SKIPPED"]], [[0, "SKIPPED"]]]);
  const invalid = await simulate(workflow({ params: { items: "{{ trigger.n }}" }, onError: "continue" }, body, edges), input, () => 0);
  expect(invalid.settlement).toMatchObject({ status: "SUCCESS", output: { failures: [{ nodeId: "each", code: "PARAMS_INVALID" }] } });
  expect([statuses(invalid, "call"), statuses(invalid, "next")]).toEqual([[[0, "SKIPPED"]], [[0, "SKIPPED"]]]);
});

test("delays in a body suspend their items alone; with a concurrency of one they come one after the other", async () => {
  const pause = { id: "pause", type: "delay", params: { durationMs: 1_000 } };
  const resumed = async (concurrency: number): Promise<unknown[]> => {
    const { journal, settlement } = await simulate(workflow({ params: { items: [1, 2, 3], concurrency } }, [pause], [["each", "pause", "item"]]), input, () => 0);
    expect(settlement.status).toBe("SUCCESS");
    expect(journal.filter(({ nodeId }) => nodeId === "pause")).toHaveLength(3);
    const { results } = (settlement as unknown as { output: { results: { each: { results: { resumedAt: string }[] } } } }).output.results.each;
    return results.map(({ resumedAt }) => Date.parse(resumedAt) % 60_000);
  };
  expect(await resumed(1)).toEqual([1_000, 2_000, 3_000]);
  expect(await resumed(3)).toEqual([1_000, 1_000, 1_000]);
});

test("ten thousand items: each has its row, never more than the bound is in work", { timeout: TIMEOUT_MS }, async () => {
  const items = Array.from({ length: 10_000 }, (_, index) => index);
  const outcome = await simulate(workflow({ params: { items, concurrency: 20 } }, [{ id: "double", type: "set", params: { fields: { n: "{{ item }}" } } }], [["each", "double", "item"]]), input, () => 0, [3_000, 3_000]);
  expect(outcome.settlement.status).toBe("SUCCESS");
  expect(outcome.journal.filter(({ nodeId }) => nodeId === "double").map(({ output }) => (output as { n: number }).n)).toEqual(items);
  expect(outcome.mostInWork).toBe(PARALLEL_NODES_MAX);
});

import type { NodeFailure } from "@fluxo/core/errors/failure";
import { graphSchema } from "@fluxo/core/graph/graph";
import type { Json } from "@fluxo/core/json";
import { expect, test } from "vitest";
import { FailureList } from "./failure-list.ts";
import { LOOP_FAILURES_MAX } from "./limits.ts";
import { settlementOf, type RunState, type Waiting } from "./settlement.ts";
import { simulate } from "./testing/loops/world.ts";
import { compileVersion } from "./version-cache.ts";

const set = (id: string, alias?: string): object => ({ id, type: "set", params: { fields: {} }, ...(alias === undefined ? {} : { alias }) });
const edge = (from: string, to: string, port = "main"): object => ({ from, to, port });
const version = compileVersion(graphSchema.parse({
  nodes: [{ id: "start", type: "trigger.manual" }, set("a"), set("b", "second"), set("c")],
  edges: [edge("start", "a"), edge("a", "b"), edge("a", "c")],
}));

function settle({ outputs = {}, ...state }: Partial<Omit<RunState, "outputs">> & { readonly outputs?: Readonly<Record<string, Json>> }): ReturnType<typeof settlementOf> {
  return settlementOf({ version, failures: [], waiting: [], stop: undefined, ...state, outputs: new Map(Object.entries(outputs)) });
}

function failureOf(nodeId: string, message = nodeId): NodeFailure {
  return { nodeId, name: nodeId, type: "set", integration: null, errorClass: "DATA", code: "NODE_INTERNAL", message, attempt: 1, occurredAt: "2026-01-05T00:00:00.000Z" };
}

test("what waits for several things is woken for the first of them, with its reason; for a sub-workflow only when nothing has its time", () => {
  const at = (minute: number): Date => new Date(Date.UTC(2026, 0, 5, 0, minute));
  const waiting: Waiting[] = [{ reason: "CHILD" }, { reason: "DELAY", resumeAt: at(3) }, { reason: "BACKOFF", resumeAt: at(1) }, { reason: "DELAY", resumeAt: at(2) }];
  expect(settle({ waiting })).toEqual({ status: "WAITING", reason: "BACKOFF", resumeAt: at(1) });
  expect(settle({ waiting: waiting.slice(0, 1) })).toEqual({ status: "WAITING", reason: "CHILD", resumeAt: null });
});

test("a failure or a cancel ends it even while other nodes wait", () => {
  const waiting: Waiting[] = [{ reason: "DELAY", resumeAt: new Date(0) }];
  expect(settle({ waiting, stop: { kind: "failed", failure: failureOf("a") } })).toMatchObject({ status: "FAILED", error: { nodeId: "a" } });
  expect(settle({ waiting, stop: { kind: "canceled" } })).toMatchObject({ status: "CANCELED" });
});

test("its output has the nodes in which taken branches end, by alias or id, and nothing of those before them", () => {
  expect(settle({ outputs: { start: {}, a: 1, c: 3, b: 2 } })).toEqual({ status: "SUCCESS", output: { results: { second: 2, c: 3 }, failures: [] } });
  expect(JSON.stringify(settle({ outputs: { start: {}, a: 1, c: 3, b: 2 } })), "in plan order").toContain('{"second":2,"c":3}');
  expect(settle({ outputs: { start: {}, a: 1 } })).toMatchObject({ output: { results: { a: 1 } } });
});

test("a result that is too much for the snapshot is named instead", () => {
  const outputs = { start: {}, a: 1, b: "x".repeat(3 * 1024 * 1024), c: "x".repeat(3 * 1024 * 1024) };
  expect(settle({ outputs })).toEqual({ status: "SUCCESS", output: { results: { second: outputs.b }, failures: [], omitted: ["c"] } });
});

test("failures are told in plan order, then by item; of those in loops the first hundred items', whatever came first", () => {
  const { plan } = compileVersion(graphSchema.parse({
    nodes: [{ id: "start", type: "trigger.manual" }, { id: "each", type: "for-each", params: { items: [1] } }, set("in"), set("out")],
    edges: [edge("start", "each"), edge("each", "in", "item"), edge("each", "out")],
  }));
  const list = new FailureList(plan);
  const count = 5 * LOOP_FAILURES_MAX;
  list.add(failureOf("out"), 0);
  for (let n = 0; n < count; n += 1) {
    const item = (n * 7) % count;
    list.add(failureOf("in", `item ${item}`), item);
  }
  list.add(failureOf("each"), 0);
  const inside = Array.from({ length: LOOP_FAILURES_MAX }, (_, item) => `item ${item}`);
  expect(list.values.map(({ message }) => message)).toEqual(plan.nodes.flatMap(({ node: { id } }) => (id === "in" ? inside : id === "start" ? [] : [id])));
});

test("the outputs of one execution have a bound together, which a worker that takes over counts on", async () => {
  const ids = Array.from({ length: 9 }, (_, index) => `n${index}`);
  const graph = graphSchema.parse({
    nodes: [{ id: "start", type: "trigger.manual" }, ...ids.map((id) => ({ id, type: "set", params: { fields: { text: "{{ trigger.text }}" } } }))],
    edges: ids.map((id, index) => edge(ids[index - 1] ?? "start", id)),
  });
  const input = { text: "x".repeat(4_500_000) };
  for (const crashAfter of [[], [5]]) {
    const { settlement } = await simulate(graph, input, () => 0, crashAfter);
    // The trigger's output is the input: eight of them do not fit into 32 MiB.
    expect(settlement).toMatchObject({ status: "FAILED", error: { nodeId: "n6", code: "EXECUTION_TOO_LARGE" } });
  }
});

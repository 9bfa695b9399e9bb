import { expect, test } from "vitest";
import { graphOf, TEST_CATALOG } from "./graphs.test-support.ts";
import type { Graph } from "./graph.ts";
import { validateGraph } from "./validate.ts";

const node = (id: string, type = "set", params: Graph["nodes"][number]["params"] = {}) => ({ id, type, params });
const start = node("start", "manual");

function issuesOf(graph: Graph): string[] {
  return validateGraph(graph, TEST_CATALOG).map(({ code, path, message }) => `${code} ${path} ${message}`);
}

test("a closed body, which sees its item and what lies before the loop, is fine", () => {
  const params = { x: "{{ item.id }} {{ loop.index }} of {{ loop.count }} {{ before.x }} {{ a.x }}" };
  const nodes = [start, node("before"), node("each", "each"), node("a", "if"), node("b", "set", params), node("c", "set", params), node("d"), node("after", "set", { x: "{{ each.results }}{{ before.x }}" })];
  const edges = [["start", "before"], ["before", "each"], ["each", "a", "item"], ["a", "b", "true"], ["a", "c", "false"], ["b", "d"], ["c", "d"], ["each", "after"]] as const;
  expect(issuesOf(graphOf(nodes, edges))).toEqual([]);
});

test("an edge into a body from outside is refused, wherever it comes from", () => {
  const nodes = [start, node("each", "each"), node("a"), node("b"), node("other")];
  const edges = [["start", "each"], ["start", "other"], ["each", "a", "item"], ["a", "b"], ["each", "b"], ["other", "a"]] as const;
  expect(issuesOf(graphOf(nodes, edges))).toEqual([
    'LOOP_NOT_CLOSED /edges/4 "b" is in the body of the loop "each", because the port "item" leads to it; the edge from the port "main" of "each" leads into it from outside.',
    'LOOP_NOT_CLOSED /edges/5 "a" is in the body of the loop "each", because the port "item" leads to it; the edge from the port "main" of "other" leads into it from outside.',
  ]);
});

test("two loops cannot share a body", () => {
  const nodes = [start, node("one", "each"), node("two", "each"), node("a")];
  const issues = issuesOf(graphOf(nodes, [["start", "one"], ["start", "two"], ["one", "a", "item"], ["two", "a", "item"]]));
  expect(issues.map((issue) => issue.split(" ", 2).join(" "))).toEqual(["LOOP_NOT_CLOSED /edges/3", "LOOP_NOT_CLOSED /edges/2"]);
});

test("neither a loop nor a respond node stands in a body", () => {
  const nodes = [start, node("outer", "each"), node("inner", "each"), node("a"), node("answer", "respond")];
  expect(issuesOf(graphOf(nodes, [["start", "outer"], ["outer", "inner", "item"], ["inner", "a", "item"], ["inner", "answer"]]))).toEqual([
    'LOOP_NESTED /nodes/2 The loop "inner" stands in the body of the loop "outer". Put it into a workflow of its own and call that as a sub-workflow.',
    'LOOP_NODE_REFUSED /nodes/4 "answer" stands in the body of the loop "outer", where a node of the type respond has no place.',
  ]);
});

test("item and loop are seen in a body only, a body from within only, and a loop from behind only", () => {
  const nodes = [
    ...[start, node("each", "each"), node("a"), node("early", "set", { x: "{{ item }}{{ loop.index }}" })],
    ...[node("b", "set", { x: "{{ each.results }}" }), node("after", "set", { x: "{{ a.x }}{{ nodes.b.x }}{{ item.x }}" })],
  ];
  expect(issuesOf(graphOf(nodes, [["start", "early"], ["early", "each"], ["each", "a", "item"], ["a", "b"], ["each", "after"]]))).toEqual([
    'TEMPLATE_REFERENCE_UNKNOWN /nodes/3/params/x The template names item: "early" is not in the body of a loop.',
    'TEMPLATE_REFERENCE_UNKNOWN /nodes/3/params/x The template names loop.index: "early" is not in the body of a loop.',
    "TEMPLATE_REFERENCE_UNKNOWN /nodes/4/params/x The template names each.results: the loop has no output before all of its items have ended; its body sees item and loop.",
    'TEMPLATE_REFERENCE_UNKNOWN /nodes/5/params/x The template names a.x: the node "a" is in the body of the loop "each"; read the output of the loop.',
    'TEMPLATE_REFERENCE_UNKNOWN /nodes/5/params/x The template names nodes.b.x: the node "b" is in the body of the loop "each"; read the output of the loop.',
    'TEMPLATE_REFERENCE_UNKNOWN /nodes/5/params/x The template names item.x: "after" is not in the body of a loop.',
  ]);
});

test("item and loop are no names of nodes", () => {
  const issues = issuesOf(graphOf([start, node("item"), { ...node("b"), alias: "loop" }], [["start", "item"], ["start", "b"]]));
  expect(issues.map((issue) => issue.split(" ", 2).join(" "))).toEqual(["NAME_RESERVED /nodes/1/id", "NAME_RESERVED /nodes/2/alias"]);
});

test("behind a merge of the first branch, only what lies before all of its branches is named", () => {
  const names = { x: "{{ start }}{{ before.x }}{{ join.output }}{{ a.x }}{{ b.x }}" };
  const nodes = (mode: string) => [start, node("before"), node("a"), node("b"), node("join", "join", { mode }), node("after", "set", names)];
  const edges = [["start", "before"], ["before", "a"], ["before", "b"], ["a", "join"], ["b", "join"], ["join", "after"]] as const;
  expect(issuesOf(graphOf(nodes("waitAll"), edges))).toEqual([]);
  expect(issuesOf(graphOf(nodes("first"), edges))).toEqual([
    'TEMPLATE_REFERENCE_UNKNOWN /nodes/5/params/x The template names a.x: the node "a" may end after "after" starts, because a merge between them goes on with the first branch.',
    'TEMPLATE_REFERENCE_UNKNOWN /nodes/5/params/x The template names b.x: the node "b" may end after "after" starts, because a merge between them goes on with the first branch.',
  ]);
  // A way around the merge makes sure of it.
  expect(issuesOf(graphOf(nodes("first"), [...edges, ["a", "after"]]))).toHaveLength(1);
});

test("a cycle through a loop is a cycle, and no more", () => {
  expect(issuesOf(graphOf([start, node("each", "each"), node("a")], [["start", "each"], ["each", "a", "item"], ["a", "each"]])).map((issue) => issue.split(" ", 1).join())).toEqual(["GRAPH_CYCLE"]);
});

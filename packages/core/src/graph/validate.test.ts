import fc from "fast-check";
import { expect, test } from "vitest";
import { graphOf, TEST_CATALOG, validGraphs } from "./graphs.test-support.ts";
import type { Graph } from "./graph.ts";
import { validateGraph } from "./validate.ts";

const start = { id: "start", type: "manual" };

function issuesOf(graph: Graph): string[] {
  return validateGraph(graph, TEST_CATALOG).map(({ code, path, message }) => `${code} ${path} ${message}`);
}

test("generated valid graphs have no issues", () => {
  fc.assert(
    fc.property(validGraphs, (graph) => {
      expect(issuesOf(graph)).toEqual([]);
    }),
  );
});

test("a graph without a trigger says so once, not for every node that is out of reach", () => {
  expect(issuesOf(graphOf([{ id: "a", type: "set" }, { id: "b", type: "set" }]))).toEqual(["GRAPH_WITHOUT_TRIGGER /nodes No node is a trigger, so nothing can start the workflow."]);
  expect(issuesOf(graphOf([]))).toHaveLength(1);
});

test("names: duplicates, clashes and reserved ones", () => {
  const nodes = [
    start,
    { id: "a", type: "set", alias: "first" },
    { id: "b", type: "set", alias: "first" },
    { id: "c", type: "set", alias: "a" },
    { id: "a", type: "set" },
    { id: "nodes", type: "set", alias: "constructor" },
    { id: "d", type: "set", alias: "d" },
  ];
  expect(issuesOf(graphOf(nodes, [["start", "a"], ["start", "b"], ["start", "c"], ["start", "nodes"], ["start", "d"]]))).toEqual([
    'ALIAS_DUPLICATE /nodes/2/alias Another node has the alias "first" already.',
    'ALIAS_DUPLICATE /nodes/3/alias The alias "a" is the id of another node.',
    'NODE_ID_DUPLICATE /nodes/4/id Another node has the id "a" already.',
    'NAME_RESERVED /nodes/5/id "nodes" is reserved and cannot be the id of a node.',
    'NAME_RESERVED /nodes/5/alias "constructor" is reserved and cannot be an alias.',
  ]);
});

test("an unknown type is one issue: its ports, parameters and reachability are not judged", () => {
  expect(issuesOf(graphOf([{ id: "a", type: "gone", params: { x: 1 } }, { id: "b", type: "set" }], [["a", "b", "odd"]]))).toEqual([
    'NODE_TYPE_UNKNOWN /nodes/0/type There is no node type "gone".',
  ]);
});

test("edges: dangling, duplicate, into a trigger, from an unknown port", () => {
  const nodes = [start, { id: "a", type: "if" }, { id: "b", type: "set", onError: "branch" as const }, { id: "end", type: "stop" }];
  const graph = graphOf(nodes, [
    ["start", "a"],
    ["start", "a"],
    ["a", "b", "true"],
    ["a", "b", "main"],
    ["b", "end", "error"],
    ["end", "gone"],
    ["lost", "b"],
    ["b", "start"],
  ]);
  expect(issuesOf(graph)).toEqual([
    'EDGE_DUPLICATE /edges/1 There is another edge from the port "main" of "start" to "a".',
    'PORT_UNKNOWN /edges/3/port "a" has no port "main"; it has "true", "false".',
    'EDGE_DANGLING /edges/5/to The edge "end" → "gone" names the node "gone", which does not exist.',
    'PORT_UNKNOWN /edges/5/port "end" has no port "main"; it has none.',
    'EDGE_DANGLING /edges/6/from The edge "lost" → "b" names the node "lost", which does not exist.',
    'EDGE_INTO_TRIGGER /edges/7/to "start" is a trigger, so no edge can lead into it.',
  ]);
});

test("ports that depend on parameters are not judged while these do not fit; a defect of a definition is not hidden", () => {
  const cases = (value: unknown): Graph => graphOf([start, { id: "s", type: "switch", params: { cases: value as string } }, { id: "a", type: "set" }], [["start", "s"], ["s", "a", "x"]]);
  expect(issuesOf(cases(["x"]))).toEqual([]);
  expect(issuesOf(cases(5)).map((issue) => issue.split(" ", 2))).toEqual([["PARAMS_INVALID", "/nodes/1/params/cases"]]);
  expect(() => issuesOf(graphOf([start, { id: "b", type: "broken" }, { id: "a", type: "set" }], [["start", "b"], ["b", "a"]]))).toThrow("a defect of the definition");
});

test("a cycle names its nodes in order; nodes that no trigger leads to are named", () => {
  const nodes = ["a", "b", "c", "lone"].map((id) => ({ id, type: "set" }));
  expect(issuesOf(graphOf([start, ...nodes], [["start", "a"], ["a", "b"], ["b", "c"], ["c", "a"], ["lone", "b"]]))).toEqual([
    "GRAPH_CYCLE /nodes/1 The edges form a cycle: a → b → c → a.",
    'NODE_UNREACHABLE /nodes/4 No trigger leads to "lone".',
  ]);
});

test("parameters are held against the schema but where a template stands", () => {
  const http = (params: Graph["nodes"][number]["params"]): string[] => issuesOf(graphOf([start, { id: "h", type: "http", params }], [["start", "h"]]));
  expect(http({ url: "https://example.org/" })).toEqual([]);
  expect(http({ url: "{{ trigger.url }}", count: "{{ trigger.count }}", headers: "{{ trigger.headers }}" })).toEqual([]);
  expect(http({ url: "https://{{ trigger.host }}/", headers: [{ name: "{{ trigger.name }}" }] })).toEqual([]);
  const never = (a: Graph["nodes"][number]["params"][string]): string[] => issuesOf(graphOf([start, { id: "p", type: "never", params: { a } }], [["start", "p"]]));
  expect(never({ b: [{ c: "{{ trigger.c }}" }] })).toEqual([]);
  expect(never("{{ trigger.a }}")).toEqual([]);
  expect(never({ b: [{ c: 1 }] })).toEqual(["PARAMS_INVALID /nodes/1/params/a/b never fits"]);
  expect(never(1)).toEqual(["PARAMS_INVALID /nodes/1/params/a/b never fits"]);
  const messages = http({ url: "nowhere", count: "two", headers: [{ name: "" }], "x/y": "{{ trigger.x }}" });
  expect(messages.map((issue) => issue.split(" ", 2).join(" "))).toEqual([
    "PARAMS_INVALID /nodes/1/params/url",
    "PARAMS_INVALID /nodes/1/params/count",
    "PARAMS_INVALID /nodes/1/params/headers/0/name",
    "PARAMS_INVALID /nodes/1/params",
  ]);
  expect(http({}).map((issue) => issue.split(" ", 2).join(" "))).toEqual(["PARAMS_INVALID /nodes/1/params/url"]);
});

test("a trigger has no templates", () => {
  expect(issuesOf(graphOf([{ id: "s", type: "schedule", params: { cron: "{{ trigger.cron }}" } }])).map((issue) => issue.split(" ", 2).join(" "))).toEqual([
    "PARAMS_INVALID /nodes/0/params/cron",
    "TEMPLATE_REFERENCE_UNKNOWN /nodes/0/params/cron",
  ]);
});

test("templates: syntax, unknown names, nodes that do not come before", () => {
  const params = {
    fine: "{{ trigger.a }}{{ execution.id }}{{ first.x }}{{ nodes.a.x }}{{ a.x }}{{ start }}",
    list: ["{{ trigger."],
    unknown: "{{ gone.x }}",
    alias: "{{ nodes.first.x }}",
    later: "{{ c.x | default: b }}",
  };
  const nodes = [start, { id: "a", type: "set", alias: "first" }, { id: "b", type: "set", params }, { id: "c", type: "set" }];
  expect(issuesOf(graphOf(nodes, [["start", "a"], ["a", "b"], ["b", "c"]]))).toEqual([
    'TEMPLATE_SYNTAX /nodes/2/params/list/0 The template cannot be read at character 12: expected a key of letters, digits, "_" or "-"; any other key is written ["key"].',
    'TEMPLATE_REFERENCE_UNKNOWN /nodes/2/params/unknown The template names gone.x: no node has "gone" as its id or alias.',
    'TEMPLATE_REFERENCE_UNKNOWN /nodes/2/params/alias The template names nodes.first.x: there is no node with the id "first".',
    'TEMPLATE_REFERENCE_UNKNOWN /nodes/2/params/later The template names c.x: the node "c" does not come before "b".',
    'TEMPLATE_REFERENCE_UNKNOWN /nodes/2/params/later The template names b: the node "b" does not come before "b".',
  ]);
});

test("parameters that are nested too deep do not fit", () => {
  const deep = JSON.parse(`${"[".repeat(64)}${"]".repeat(64)}`) as [];
  expect(issuesOf(graphOf([start, { id: "a", type: "set", params: { deep } }], [["start", "a"]])).map((issue) => issue.split(" ", 1).join())).toEqual(["PARAMS_INVALID"]);
});

test("on a cycle, whether a node comes before another is left open", () => {
  const nodes = [start, { id: "a", type: "set", params: { x: "{{ b.x }}" } }, { id: "b", type: "set" }];
  expect(issuesOf(graphOf(nodes, [["start", "a"], ["a", "b"], ["b", "a"]]))).toEqual(["GRAPH_CYCLE /nodes/1 The edges form a cycle: a → b → a."]);
});

test("1,000 nodes with 5,000 edges and as many references are validated, each reference for itself", () => {
  const nodes = Array.from({ length: 999 }, (_, index) => ({
    id: `n${index}`,
    type: "set",
    params: { texts: Array.from({ length: 5 }, (_each, place) => `{{ n${Math.max(0, index - place - 1)}.x }}`) },
  }));
  const edges = nodes.flatMap((_, index) => [1, 2, 3, 4, 5].flatMap((step): [string, string][] => (index >= step ? [[`n${index - step}`, `n${index}`]] : [])));
  const graph: Graph = graphOf([start, ...nodes], [["start", "n0"], ...edges]);
  const issues = validateGraph(graph, TEST_CATALOG);
  expect(issues.map(({ nodeId }) => nodeId)).toEqual(["n0", "n0", "n0", "n0", "n0"]);
});

test("answers any graph, however wrong, with issues inside of it", () => {
  const name = fc.constantFrom("a", "b", "c", "trigger", "x-1");
  const node = fc.record({ id: name, alias: fc.option(name, { nil: undefined }), type: fc.constantFrom("manual", "if", "http", "switch", "gone"), params: fc.constant({ url: "{{ a | upper }}" }) });
  const edge = fc.record({ from: name, to: name, port: fc.constantFrom("main", "true", "error") });
  fc.assert(
    fc.property(fc.array(node, { maxLength: 6 }), fc.array(edge, { maxLength: 10 }), (nodes, edges) => {
      const graph: Graph = { nodes: nodes.map((each) => ({ ...each, onError: "branch" })), edges };
      for (const { path } of validateGraph(graph, TEST_CATALOG)) {
        expect(path).toMatch(/^\/(nodes|edges)/);
      }
    }),
  );
});

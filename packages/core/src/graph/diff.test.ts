import fc from "fast-check";
import { expect, test } from "vitest";
import { applyGraphDiff, diffGraphs } from "./diff.ts";
import type { Graph } from "./graph.ts";
import { graphOf, shuffled, TEST_CATALOG, validGraphs } from "./graphs.test-support.ts";
import { canonicalGraph, graphHash } from "./hash.ts";

/** Graphs whose nodes also differ in parameters, names and settings. */
const graphs: fc.Arbitrary<Graph> = fc.tuple(validGraphs, fc.array(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }), { minLength: 14, maxLength: 14 })).map(([graph, params]) => ({
  ...graph,
  nodes: graph.nodes.map((node, index) => ({ ...node, params: JSON.parse(JSON.stringify(params[index] ?? {})), ...(index % 3 === 0 ? { retry: { maxAttempts: (index % 5) + 1 } } : {}) })),
}));

test("applying the difference to the first graph gives the second", () => {
  fc.assert(
    fc.property(graphs, graphs, (from, to) => {
      const result = applyGraphDiff(from, diffGraphs(from, to, TEST_CATALOG));
      expect(graphHash(result)).toBe(graphHash(to));
      expect(diffGraphs(result, to, TEST_CATALOG).isSame).toBe(true);
    }),
  );
});

test("is the same however the graphs are ordered, and says so exactly when the hashes are equal", () => {
  const cases = fc.tuple(graphs, graphs).chain(([from, to]) => fc.tuple(fc.constant(from), fc.constant(to), shuffled(from), shuffled(to)));
  fc.assert(
    fc.property(cases, ([from, to, otherFrom, otherTo]) => {
      const diff = diffGraphs(from, to, TEST_CATALOG);
      expect(diffGraphs(otherFrom, otherTo, TEST_CATALOG)).toEqual(diff);
      expect(diff.isSame).toBe(graphHash(from) === graphHash(to));
      expect(diffGraphs(from, otherFrom, TEST_CATALOG).isSame).toBe(true);
    }),
  );
});

test("names nodes, members, edges and triggers", () => {
  const from = graphOf([{ id: "start", type: "manual" }, { id: "clock", type: "schedule", params: { cron: "* * * * *" } }, { id: "a", type: "set", params: { x: { y: 1 } } }, { id: "b", type: "set" }], [["start", "a"], ["clock", "a"], ["a", "b"]]);
  const to = graphOf([{ id: "start", type: "set" }, { id: "clock", type: "schedule", params: { cron: "1 * * * *" } }, { id: "c", type: "manual" }, { id: "a", type: "set", name: "A", params: { x: { y: 2 } } }], [["c", "start"], ["clock", "a"], ["start", "a"]]);
  const diff = diffGraphs(from, to, TEST_CATALOG);
  expect(diff.nodes.added.map(({ id }) => id)).toEqual(["c"]);
  expect(diff.nodes.removed.map(({ id }) => id)).toEqual(["b"]);
  expect(diff.nodes.changed).toEqual([
    { id: "a", changes: [{ op: "add", path: "/name", to: "A" }, { op: "replace", path: "/params/x/y", from: 1, to: 2 }] },
    { id: "clock", changes: [{ op: "replace", path: "/params/cron", from: "* * * * *", to: "1 * * * *" }] },
    { id: "start", changes: [{ op: "replace", path: "/type", from: "manual", to: "set" }] },
  ]);
  expect(diff.edges).toEqual({ added: [{ from: "c", port: "main", to: "start" }], removed: [{ from: "a", port: "main", to: "b" }] });
  expect(diff.triggers).toEqual([
    { nodeId: "c", type: "manual", change: "added" },
    { nodeId: "clock", type: "schedule", change: "changed" },
    { nodeId: "start", type: "manual", change: "removed" },
  ]);
});

test("an edge that a draft holds twice is one edge more", () => {
  const once = graphOf([{ id: "s", type: "manual" }, { id: "a", type: "set" }], [["s", "a"]]);
  const twice = graphOf([{ id: "s", type: "manual" }, { id: "a", type: "set" }], [["s", "a"], ["s", "a"]]);
  expect(diffGraphs(once, twice, TEST_CATALOG).edges.added).toHaveLength(1);
  expect(canonicalGraph(applyGraphDiff(twice, diffGraphs(twice, once, TEST_CATALOG)))).toEqual(canonicalGraph(once));
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { shuffled, validGraphs } from "./graphs.test-support.ts";
import { canonicalGraph, graphHash } from "./hash.ts";

test("order, canvas positions, defaults that are written out and empty retry settings do not count", () => {
  const short = { nodes: [{ id: "b", type: "set" }, { id: "a", type: "manual" }], edges: [{ from: "a", to: "b" }] };
  const long = {
    nodes: [
      { id: "a", type: "manual", params: {}, onError: "stop" as const, position: { x: 1, y: 2 }, name: undefined },
      { id: "b", type: "set", retry: {} },
    ],
    edges: [{ from: "a", port: "main", to: "b" }],
  };
  expect(graphHash(long)).toBe(graphHash(short));
  expect(canonicalGraph(long).nodes).toEqual(canonicalGraph(short).nodes);
});

test("is the SHA-256 of the canonical JSON", () => {
  expect(graphHash({ nodes: [], edges: [] })).toBe("57501e5c6808b3e14852a4ea21dc7873abf9409032a06f9b740c973e83f62cf7");
});

test("everything else counts", () => {
  const base = { nodes: [{ id: "a", type: "set", params: { x: 1 } }, { id: "b", type: "set" }], edges: [{ from: "a", to: "b" }] };
  const variants = [
    base,
    { ...base, edges: [] },
    { ...base, edges: [{ from: "a", to: "b", port: "error" }] },
    { ...base, edges: [{ from: "b", to: "a" }] },
    { ...base, nodes: [{ id: "a", type: "set", params: { x: 2 } }, { id: "b", type: "set" }] },
    { ...base, nodes: [{ id: "a", type: "set", params: { x: 1 }, retry: { maxAttempts: 2 } }, { id: "b", type: "set" }] },
    { ...base, nodes: [{ id: "a", type: "set", params: { x: 1 }, name: "A" }, { id: "b", type: "set" }] },
    { ...base, nodes: [{ id: "a", type: "set", params: { x: 1 } }, { id: "b", type: "set", onError: "branch" as const }] },
  ];
  expect(new Set(variants.map((graph) => graphHash(graph))).size).toBe(variants.length);
});

test("a shuffled graph has the same canonical form and hash, and the canonical form is its own", () => {
  const pairs = validGraphs.chain((graph) => fc.tuple(fc.constant(graph), shuffled(graph)));
  fc.assert(
    fc.property(pairs, ([graph, other]) => {
      expect(canonicalGraph(other)).toEqual(canonicalGraph(graph));
      expect(graphHash(other)).toBe(graphHash(graph));
      expect(canonicalGraph(canonicalGraph(graph))).toEqual(canonicalGraph(graph));
    }),
  );
});

test("refuses what is no graph", () => {
  expect(() => graphHash({ nodes: [{ id: "1", type: "set" }], edges: [] })).toThrow();
});

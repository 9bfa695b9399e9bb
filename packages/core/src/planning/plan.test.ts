import fc from "fast-check";
import { expect, test } from "vitest";
import { at } from "../collections.ts";
import { graphOf, shuffled, validGraphs } from "../graph/graphs.test-support.ts";
import { planGraph } from "./plan.ts";

const set = (id: string, alias?: string) => ({ id, type: "set", ...(alias === undefined ? {} : { alias }) });

test("nodes stand by longest path, then by id", () => {
  const plan = planGraph(graphOf([set("join", "end"), set("b"), set("a"), set("long"), set("t2"), set("t1")], [["a", "long"], ["b", "join"], ["long", "join"], ["t1", "a"], ["t1", "b"], ["t2", "b"], ["a", "join", "error"]]));
  expect(plan.readySets).toEqual([["t1", "t2"], ["a", "b"], ["long"], ["join"]]);
  expect(plan.triggers).toEqual(["t1", "t2"]);
  expect(plan.aliases).toEqual(new Map([["end", "join"]]));
  expect(plan.nodes.map(({ node, position, level }) => [node.id, position, level])).toEqual([["t1", 0, 0], ["t2", 1, 0], ["a", 2, 1], ["b", 3, 1], ["long", 4, 2], ["join", 5, 3]]);
  expect(at(plan.nodes, 5).incoming).toEqual([{ from: 2, port: "error", to: 5 }, { from: 3, port: "main", to: 5 }, { from: 4, port: "main", to: 5 }]);
  expect(at(plan.nodes, 0).outgoing).toEqual(new Map([["main", [{ from: 0, port: "main", to: 2 }, { from: 0, port: "main", to: 3 }]]]));
});

test("the order of nodes and edges does not matter, and every edge leads forward", () => {
  fc.assert(
    fc.property(validGraphs.chain((graph) => fc.tuple(fc.constant(graph), shuffled(graph))), ([graph, other]) => {
      const plan = planGraph(graph);
      expect(planGraph(other)).toEqual(plan);
      expect(plan.readySets.flat()).toEqual(plan.nodes.map(({ node }) => node.id));
      for (const { position, level, outgoing } of plan.nodes) {
        for (const edge of [...outgoing.values()].flat()) {
          expect(edge.to).toBeGreaterThan(position);
          expect(at(plan.nodes, edge.to).level).toBeGreaterThan(level);
          expect(at(plan.nodes, edge.to).incoming).toContain(edge);
        }
      }
    }),
  );
});

test("refuses what was never valid", () => {
  expect(() => planGraph(graphOf([set("a")], [["a", "b"]]))).toThrow('the edge "a" → "b" dangles');
  expect(() => planGraph(graphOf([set("a"), set("b")], [["a", "b"], ["b", "a"]]))).toThrow("cycle");
  expect(() => planGraph(graphOf([set("a"), set("a")]))).toThrow("an id repeats");
});

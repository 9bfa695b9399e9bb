import fc from "fast-check";
import { expect, test } from "vitest";
import { at } from "../collections.ts";
import { graphOf, planOf, shuffled, validGraphs } from "../graph/graphs.test-support.ts";

const set = (id: string, alias?: string) => ({ id, type: "set", ...(alias === undefined ? {} : { alias }) });

test("nodes stand by longest path, then by id", () => {
  const plan = planOf(graphOf([set("join", "end"), set("b"), set("a"), set("long"), set("t2"), set("t1")], [["a", "long"], ["b", "join"], ["long", "join"], ["t1", "a"], ["t1", "b"], ["t2", "b"], ["a", "join", "error"]]));
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
      const plan = planOf(graph);
      expect(planOf(other)).toEqual(plan);
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
  expect(() => planOf(graphOf([set("a")], [["a", "b"]]))).toThrow('the edge "a" → "b" dangles');
  expect(() => planOf(graphOf([set("a"), set("b")], [["a", "b"], ["b", "a"]]))).toThrow("cycle");
  expect(() => planOf(graphOf([set("a"), set("a")]))).toThrow("an id repeats");
});

test("a loop parts the plan: the body is a scope of its own with the loop at its head, and what follows the loop stands behind its body", () => {
  const each = { id: "each", type: "each" };
  const edges = [["t", "each"], ["each", "b1", "item"], ["b1", "b2"], ["each", "a"], ["a", "z"], ["t", "z"]] as const;
  const plan = planOf(graphOf([{ id: "t", type: "manual" }, each, set("b1"), set("b2"), set("a"), set("z")], edges));
  expect(plan.readySets).toEqual([["t"], ["each"], ["b1"], ["b2"], ["a"], ["z"]]);
  expect(plan.triggers).toEqual(["t"]);
  expect(plan.root.nodes.map(({ node }) => node.id)).toEqual(["t", "each", "a", "z"]);
  expect(at(plan.root.nodes, 1).outgoing).toEqual(new Map([["main", [{ from: 1, port: "main", to: 2 }]]]));
  const body = plan.loops.get("each");
  expect(body?.nodes.map(({ node, position }) => [node.id, position])).toEqual([["each", 0], ["b1", 1], ["b2", 2]]);
  expect(body?.triggers).toEqual(["each"]);
  expect(body?.nodes.map(({ outgoing }) => [...outgoing.keys()])).toEqual([["item"], ["main"], []]);
  expect(plan.loopOf).toEqual(new Map([["b1", "each"], ["b2", "each"]]));
});

test("refuses loops that were never valid", () => {
  const nodes = [{ id: "t", type: "manual" }, { id: "each", type: "each" }, { id: "inner", type: "each" }, set("a")];
  expect(() => planOf(graphOf(nodes, [["t", "each"], ["t", "inner"], ["each", "a", "item"], ["each", "a"]]))).toThrow("not closed");
  expect(() => planOf(graphOf(nodes, [["t", "each"], ["each", "inner", "item"], ["inner", "a"]]))).toThrow("holds a loop");
});

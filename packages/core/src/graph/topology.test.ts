import fc from "fast-check";
import { expect, test } from "vitest";
import { at } from "../collections.ts";
import { ancestorsOf, findCycles, reachableFrom, topologyOf, type Adjacency } from "./topology.ts";

const adjacencies: fc.Arbitrary<Adjacency> = fc
  .integer({ min: 1, max: 40 })
  .chain((size) => fc.array(fc.array(fc.nat({ max: size - 1 }), { maxLength: 3 }), { minLength: size, maxLength: size }));

/** Slow and obvious: all nodes that one or more edges lead to. */
function descendants(node: number, outgoing: Adjacency): Set<number> {
  return new Set(at(outgoing, node).flatMap((target) => [...reachableFrom([target], outgoing)]));
}

test("finds the shortest cycle of each knot, in the order of its edges", () => {
  expect(findCycles([[1], [2], [0, 3], [4], [3], [5], []])).toEqual([[0, 1, 2], [3, 4], [5]]);
  expect(findCycles([[1], [2], [1, 0]])).toEqual([[0, 1, 2]]);
});

test("levels are longest paths", () => {
  expect(topologyOf([[1, 2], [2], [3], []])).toEqual({ order: [0, 1, 2, 3], levels: [0, 1, 2, 3] });
});

test("the order leaves out exactly the nodes on or behind a cycle, and every edge leads forward", () => {
  fc.assert(
    fc.property(adjacencies, (outgoing) => {
      const { order, levels } = topologyOf(outgoing);
      const onCycle = [...outgoing.keys()].filter((node) => descendants(node, outgoing).has(node));
      const leftOut = reachableFrom(onCycle, outgoing);
      expect(new Set(order)).toEqual(new Set([...outgoing.keys()].filter((node) => !leftOut.has(node))));
      for (const node of order) {
        for (const target of at(outgoing, node).filter((each) => !leftOut.has(each))) {
          expect(order.indexOf(target)).toBeGreaterThan(order.indexOf(node));
          expect(at(levels, target)).toBeGreaterThan(at(levels, node));
        }
      }
    }),
  );
});

test("there is a cycle to report exactly when a node leads to itself, and what is reported is a cycle", () => {
  fc.assert(
    fc.property(adjacencies, (outgoing) => {
      const cycles = findCycles(outgoing);
      expect(cycles.length > 0).toBe([...outgoing.keys()].some((node) => descendants(node, outgoing).has(node)));
      for (const cycle of cycles) {
        expect(new Set(cycle).size).toBe(cycle.length);
        for (const [index, node] of cycle.entries()) {
          expect(at(outgoing, node)).toContain(at(cycle, (index + 1) % cycle.length));
        }
      }
    }),
  );
});

test("the ancestor table agrees with walking the edges", () => {
  fc.assert(
    fc.property(adjacencies, (any) => {
      const outgoing = any.map((targets, node) => targets.filter((target) => target > node));
      const leads = ancestorsOf(outgoing, topologyOf(outgoing).order);
      for (const node of outgoing.keys()) {
        const after = descendants(node, outgoing);
        for (const other of outgoing.keys()) {
          expect(leads(node, other)).toBe(after.has(other));
        }
      }
    }),
    { numRuns: 50 },
  );
});

test("a chain of 100,000 nodes needs no recursion", () => {
  const chain = Array.from({ length: 100_000 }, (_, index) => [(index + 1) % 100_000]);
  expect(findCycles(chain)).toHaveLength(1);
  expect(topologyOf(chain).order).toEqual([]);
});

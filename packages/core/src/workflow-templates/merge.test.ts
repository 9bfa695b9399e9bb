import fc from "fast-check";
import { expect, test } from "vitest";
import type { Graph } from "../graph/graph.ts";
import { graphOf, validGraphs } from "../graph/graphs.test-support.ts";
import { graphHash } from "../graph/hash.ts";
import { findLockIssues } from "./locks.ts";
import { findOverrides, mergeGraphs, type MergeInput } from "./merge.ts";

/** Small graphs of few node ids, so that two of them often touch the same. */
const graphs: fc.Arbitrary<Graph> = fc
  .record({
    nodes: fc.uniqueArray(fc.record({ id: fc.constantFrom("a", "b", "c", "d"), params: fc.dictionary(fc.constantFrom("x", "y", "z"), fc.oneof(fc.nat({ max: 2 }), fc.array(fc.nat({ max: 2 }), { maxLength: 2 }), fc.dictionary(fc.constantFrom("p", "q"), fc.nat({ max: 2 }), { maxKeys: 2 })), { maxKeys: 3 }) }), { selector: ({ id }) => id, maxLength: 4 }),
    edges: fc.uniqueArray(fc.record({ from: fc.constantFrom("a", "b", "c", "d"), to: fc.constantFrom("a", "b", "c", "d") }), { selector: ({ from, to }) => `${from} ${to}`, maxLength: 4 }),
  })
  .map(({ nodes, edges }) => graphOf(nodes.map((node) => ({ ...node, type: "set" })), edges.map(({ from, to }) => [from, to] as const)));

const merge = (rest: Partial<MergeInput> & Pick<MergeInput, "base" | "tenant" | "next">) => mergeGraphs({ locks: [], onConflict: "refuse", ...rest });

test("a side that changed nothing takes everything from the other one, and two that did the same agree", () => {
  fc.assert(
    fc.property(graphs, graphs, (base, other) => {
      const results = [merge({ base, tenant: base, next: other }), merge({ base, tenant: other, next: base }), merge({ base, tenant: other, next: other })];
      for (const { graph, conflicts } of results) {
        expect(conflicts).toEqual([]);
        expect(graph === undefined ? undefined : graphHash(graph)).toBe(graphHash(other));
      }
    }),
  );
});

/** A few edits of a graph: parameters set, a name given. Two sets of edits with other keys seldom meet. */
const editsOf = (keys: readonly string[]) => fc.array(fc.record({ node: fc.constantFrom("a", "b", "c", "d"), key: fc.constantFrom(...keys), value: fc.nat({ max: 2 }) }), { minLength: 1, maxLength: 3 });
const edited = (graph: Graph, edits: readonly { node: string; key: string; value: number }[]): Graph => ({
  ...graph,
  nodes: graph.nodes.map((node) => ({ ...node, params: { ...node.params, ...Object.fromEntries(edits.filter((edit) => edit.node === node.id).map(({ key, value }) => [key, value])) } })),
});

test("a merge without conflicts keeps every override, and the way back leads to where the tenant was", () => {
  let merged = 0;
  fc.assert(
    fc.property(graphs, editsOf(["x", "y"]), editsOf(["y", "z"]), (base, tenantEdits, templateEdits) => {
      const [tenant, next] = [edited(base, tenantEdits), edited(base, templateEdits)];
      const { graph, conflicts } = merge({ base, tenant, next });
      expect(graph === undefined).toBe(conflicts.length > 0);
      if (graph === undefined) return;
      // What both did in the same way is nobody's override: the way back takes it from the tenant as well.
      const [theirs, ours] = [findOverrides(base, tenant), findOverrides(base, next)];
      if (theirs.some(({ path }) => ours.some((change) => `${change.path}/`.startsWith(`${path}/`) || `${path}/`.startsWith(`${change.path}/`)))) return;
      merged += 1;
      const back = merge({ base: next, tenant: graph, next: base });
      expect(back.conflicts).toEqual([]);
      expect(back.graph === undefined ? undefined : graphHash(back.graph)).toBe(graphHash(tenant));
    }),
    { numRuns: 500 },
  );
  expect(merged).toBeGreaterThan(100);
});

test("a conflict is decided for one side as a whole, and the parts without conflict stay with whoever changed them", () => {
  fc.assert(
    fc.property(graphs, graphs, graphs, (base, tenant, next) => {
      const { conflicts } = merge({ base, tenant, next });
      for (const [onConflict, side] of [["keepTenant", "tenant"], ["takeTemplate", "template"]] as const) {
        const decided = merge({ base, tenant, next, onConflict });
        expect(decided.conflicts).toEqual(conflicts);
        const overrides = new Map(findOverrides(next, decided.graph ?? base).map((change) => [change.path, change]));
        for (const conflict of conflicts) expect(overrides.has(conflict.path)).toBe(side === "tenant" && [...overrides.keys()].some((path) => path === conflict.path));
        if (side === "template") for (const conflict of conflicts) expect([...overrides.keys()].some((path) => path === conflict.path || path.startsWith(`${conflict.path}/`))).toBe(false);
      }
    }),
    { numRuns: 500 },
  );
});

test("what is locked is the template's, whatever the policy", () => {
  fc.assert(
    fc.property(graphs, graphs, graphs, fc.constantFrom("a", "b"), fc.constantFrom("", "/params/x"), (base, tenant, next, nodeId, path) => {
      const locks = [{ nodeId, path }];
      const { graph } = merge({ base, tenant, next, locks, onConflict: "keepTenant" });
      expect(graph).toBeDefined();
      if (graph !== undefined) expect(findLockIssues(next, graph, locks)).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test("names each conflict once, by the shortest path of the two sides", () => {
  const base = graphOf([{ id: "mail", type: "set", params: { to: "a", list: [1, 2] } }, { id: "gone", type: "set", params: { x: 1, y: 2 } }], [["mail", "gone"]]);
  const tenant = graphOf([{ id: "mail", type: "set", name: "Ours", params: { to: "b", list: [1, 3] } }, { id: "gone", type: "set", params: { x: 5, y: 6 } }], [["mail", "gone"]]);
  const next = graphOf([{ id: "mail", type: "set", params: { to: "c", list: [1, 2, 3], subject: "new" } }]);
  const { conflicts } = merge({ base, tenant, next });
  expect(conflicts.map(({ path }) => path)).toEqual(["/nodes/gone", "/nodes/mail/params/list", "/nodes/mail/params/to"]);
  expect(conflicts[2]).toEqual({ path: "/nodes/mail/params/to", isLocked: false, base: "a", tenant: "b", template: "c" });
  expect(conflicts[0]).not.toHaveProperty("template");
  const kept = merge({ base, tenant, next, onConflict: "keepTenant" }).graph;
  expect(kept?.nodes.find(({ id }) => id === "mail")).toMatchObject({ name: "Ours", params: { to: "b", list: [1, 3], subject: "new" } });
  expect(kept?.nodes.map(({ id }) => id)).toEqual(["gone", "mail"]);
  const taken = merge({ base, tenant, next, onConflict: "takeTemplate" }).graph;
  expect(taken?.nodes).toEqual([expect.objectContaining({ id: "mail", name: "Ours", params: { to: "c", list: [1, 2, 3], subject: "new" } })]);
});

test("canvas positions are kept, the tenant's first", () => {
  const at = (x: number) => ({ x, y: 0 });
  const base = graphOf([{ id: "a", type: "set", position: at(1) }]);
  const { graph } = merge({ base, tenant: graphOf([{ id: "a", type: "set", position: at(2) }]), next: graphOf([{ id: "a", type: "set", position: at(3) }, { id: "b", type: "set", position: at(4) }]) });
  expect(graph?.nodes.map(({ position }) => position?.x)).toEqual([2, 4]);
});

test("valid graphs of any shape go through a document and back", () => {
  fc.assert(
    fc.property(validGraphs, (graph) => {
      expect(graphHash(merge({ base: graph, tenant: graph, next: graph }).graph ?? graphOf([]))).toBe(graphHash(graph));
    }),
  );
});

test("a lock names a node or a part of it", () => {
  const base = graphOf([{ id: "a", type: "set", params: { x: 1, y: 2 } }]);
  const changed = graphOf([{ id: "a", type: "set", params: { x: 1, y: 3 } }]);
  expect(findLockIssues(base, changed, [{ nodeId: "a", path: "/params/x" }])).toEqual([]);
  expect(findLockIssues(base, changed, [{ nodeId: "a", path: "" }]).map(({ code, path }) => [code, path])).toEqual([["TEMPLATE_LOCKED", "/nodes/0"]]);
  expect(findLockIssues(base, changed, [{ nodeId: "a", path: "/params/y" }]).map(({ path }) => path)).toEqual(["/nodes/0/params/y"]);
  expect(findLockIssues(base, graphOf([]), [{ nodeId: "a", path: "" }]).map(({ path }) => path)).toEqual(["/nodes"]);
});

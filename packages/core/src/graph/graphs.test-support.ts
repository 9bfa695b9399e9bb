import fc from "fast-check";
import { z } from "zod";
import { defineNode, MAIN_PORT, type NodeDefinition } from "../node/definition.ts";
import { planGraph, type Plan } from "../planning/plan.ts";
import type { NodeCatalog } from "./catalog.ts";
import { graphSchema, type Graph } from "./graph.ts";

function definition(type: string, kind: NodeDefinition["kind"], params: z.ZodType, ports: NodeDefinition["ports"] = () => MAIN_PORT): NodeDefinition {
  return defineNode({
    type,
    kind,
    title: type,
    docs: type,
    tier: "FREE",
    params,
    output: z.json(),
    ports,
    retryClass: "never",
    sideEffect: "none",
    integration: null,
    defaultTimeoutMs: 1_000,
    examples: [],
  });
}

const DEFINITIONS: readonly NodeDefinition[] = [
  definition("manual", "trigger", z.strictObject({})),
  definition("schedule", "trigger", z.strictObject({ cron: z.string().regex(/^[\d* ]+$/) })),
  definition("set", "data", z.record(z.string(), z.json())),
  definition("if", "flow", z.record(z.string(), z.json()), () => ["true", "false"]),
  definition("stop", "flow", z.strictObject({}), () => []),
  definition("http", "action", z.strictObject({ url: z.url(), count: z.int().optional(), headers: z.array(z.strictObject({ name: z.string().min(1) })).optional() })),
  definition("switch", "flow", z.strictObject({ cases: z.array(z.string()) }), (raw) => z.array(z.string()).parse(raw["cases"])),
  definition("never", "data", z.record(z.string(), z.json()).check(z.refine((params) => params["a"] === null, { path: ["a", "b"], message: "never fits" }))),
  { ...definition("each", "flow", z.strictObject({}), () => ["item", "main"]), bodyPort: "item" },
  { ...definition("join", "flow", z.record(z.string(), z.json())), joinsFirst: ({ mode }) => mode === "first" },
  { ...definition("respond", "flow", z.record(z.string(), z.json())), isOutsideLoops: true },
  definition("broken", "flow", z.strictObject({}), () => {
    throw new Error("a defect of the definition");
  }),
];

/** A small catalog: `manual` and `schedule` (triggers), `set`, `if` (true, false), `stop` (no ports), `http`, `switch` (ports from cases), `never` (parameters that never fit), `each` (a loop), `join` (of the first branch, with `mode: "first"`), `respond` (outside of loops), `broken`. */
export const TEST_CATALOG: NodeCatalog = { get: (type) => DEFINITIONS.find((known) => known.type === type) };

/** The plan of a graph over the small catalog. */
export function planOf(graph: Graph): Plan {
  return planGraph(graph, TEST_CATALOG);
}

/** A graph from its short form. */
export function graphOf(nodes: readonly z.input<typeof graphSchema>["nodes"][number][], edges: readonly (readonly [from: string, to: string, port?: string])[] = []): Graph {
  return graphSchema.parse({ nodes, edges: edges.map(([from, to, port]) => ({ from, to, ...(port === undefined ? {} : { port }) })) });
}

/** Valid graphs: one or two triggers, up to twelve more nodes that each have an earlier one before them, branches and joins. */
export const validGraphs: fc.Arbitrary<Graph> = fc
  .record({
    triggers: fc.integer({ min: 1, max: 2 }),
    sources: fc.array(fc.array(fc.record({ from: fc.nat(), isTrue: fc.boolean() }), { minLength: 1, maxLength: 3 }), { maxLength: 12 }),
    salt: fc.nat({ max: 60 }),
  })
  .map(({ triggers, sources, salt }) => {
    // The salt makes the order of ids differ from the order of the nodes.
    const ids = Array.from({ length: triggers + sources.length }, (_, index) => `n${(index * 37 + salt) % 61}`);
    const nodes = ids.map((id, index) => ({ id, type: index < triggers ? "manual" : "if" }));
    const edges = sources.flatMap((list, index) => {
      const to = triggers + index;
      const unique = new Map(
        list.map(({ from, isTrue }) => {
          const source = from % to;
          const port = source < triggers ? "main" : String(isTrue);
          return [`${source} ${port}`, { from: ids[source] ?? "", port, to: ids[to] ?? "" }];
        }),
      );
      return [...unique.values()];
    });
    return graphSchema.parse({ nodes, edges });
  });

/** The same graph with nodes and edges in another order. */
export function shuffled(graph: Graph): fc.Arbitrary<Graph> {
  const inAnyOrder = <T>(items: T[]): fc.Arbitrary<T[]> => fc.shuffledSubarray(items, { minLength: items.length, maxLength: items.length });
  return fc.record({ nodes: inAnyOrder(graph.nodes), edges: inAnyOrder(graph.edges) });
}

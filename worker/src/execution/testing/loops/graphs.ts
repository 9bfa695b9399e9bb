import { graphSchema, type Graph } from "@fluxo/core/graph/graph";
import fc from "fast-check";

const BODY_KINDS = ["call", "limited", "bad", "if", "set", "pause", "merge"] as const;
const ROOT_KINDS = [...BODY_KINDS, "each", "each"] as const;

interface NodeSpec {
  readonly kind: (typeof ROOT_KINDS)[number];
  /** Which earlier nodes and ports lead to it. */
  readonly sources: readonly number[];
  /** Decides where a condition turns, how long a pause is, and the like. */
  readonly flag: number;
}

interface RootSpec extends NodeSpec {
  readonly body: readonly NodeSpec[];
  readonly items: number;
  readonly concurrency: number;
  readonly onItemError: "stop" | "continue";
}

/** How the graphs differ from each other. */
export interface GraphOptions {
  /** What merges do. */
  readonly mergeMode: "waitAll" | "first";
}

const sources = fc.array(fc.nat(), { minLength: 1, maxLength: 3 });
const bodySpec = fc.record({ kind: fc.constantFrom(...BODY_KINDS), sources, flag: fc.nat({ max: 5 }) });
const rootSpec = fc.record({
  kind: fc.constantFrom(...ROOT_KINDS),
  sources,
  flag: fc.nat({ max: 5 }),
  body: fc.array(bodySpec, { maxLength: 4 }),
  items: fc.nat({ max: 5 }),
  concurrency: fc.integer({ min: 1, max: 4 }),
  onItemError: fc.constantFrom("stop" as const, "continue" as const),
});

/** Valid graphs with branches, joins, pauses, failures and loops. Nothing fails without being handled, but in loops that go on. */
export function loopGraphs(options: GraphOptions): fc.Arbitrary<Graph> {
  return fc.array(rootSpec, { minLength: 1, maxLength: 5 }).map((specs) => buildGraph(specs, options));
}

interface Source {
  readonly id: string;
  readonly ports: readonly string[];
}

type Input = (typeof graphSchema)["_zod"]["input"];

function buildGraph(specs: readonly RootSpec[], options: GraphOptions): Graph {
  const nodes: Input["nodes"] = [{ id: "start", type: "trigger.manual" }];
  const edges = new Map<string, Input["edges"][number]>();
  const connect = (to: string, from: readonly Source[], wanted: readonly number[]): void => {
    const all = from.flatMap(({ id, ports }) => ports.map((port) => ({ from: id, port, to })));
    for (const choice of wanted) {
      const edge = all[choice % all.length];
      if (edge !== undefined) edges.set(`${edge.from} ${edge.port} ${to}`, edge);
    }
  };
  const earlier: Source[] = [{ id: "start", ports: ["main"] }];
  for (const [index, spec] of specs.entries()) {
    // Ids do not follow the order of the nodes.
    const id = `n${(index * 7 + 3) % 11}`;
    connect(id, earlier, spec.sources);
    if (spec.kind !== "each") {
      const { node, ports } = buildNode(id, spec, { ...options, isInLoop: false, mayFail: false });
      nodes.push(node);
      earlier.push({ id, ports });
      continue;
    }
    nodes.push({ id, type: "for-each", params: { items: Array.from({ length: spec.items }, (_, item) => ({ item })), concurrency: spec.concurrency, onItemError: spec.onItemError } });
    const inside: Source[] = [{ id, ports: ["item"] }];
    for (const [place, inner] of spec.body.entries()) {
      const innerId = `${id}-b${(place * 3 + 1) % 5}`;
      connect(innerId, inside, inner.sources);
      const { node, ports } = buildNode(innerId, inner, { ...options, isInLoop: true, mayFail: spec.onItemError === "continue" });
      nodes.push(node);
      inside.push({ id: innerId, ports });
    }
    earlier.push({ id, ports: ["main"] });
  }
  return graphSchema.parse({ nodes, edges: [...edges.values()] });
}

function buildNode(id: string, { kind, flag }: NodeSpec, { isInLoop, mayFail, mergeMode }: GraphOptions & { readonly isInLoop: boolean; readonly mayFail: boolean }): { readonly node: Input["nodes"][number]; readonly ports: readonly string[] } {
  const index = isInLoop ? "{{ loop.index }}" : "0";
  const url = (path: string): string => `https://provider.example/${path}/${id}/${index}`;
  switch (kind) {
    case "call":
      return { node: { id, type: "http.request", params: { url: url("ok"), method: "POST", body: { by: id } } }, ports: ["main"] };
    case "limited":
      return { node: { id, type: "http.request", params: { url: url("limited") } }, ports: ["main"] };
    case "bad": {
      const onError = mayFail && flag % 2 === 0 ? "stop" : flag % 3 === 0 ? "continue" : "branch";
      return { node: { id, type: "http.request", params: { url: url(`bad${flag % 2}`) }, onError }, ports: onError === "branch" ? ["main", "error"] : ["main"] };
    }
    case "if":
      return { node: { id, type: "if", params: { conditions: [{ left: isInLoop ? "{{ loop.index }}" : "{{ trigger.n }}", operator: "lessThan", right: flag }] } }, ports: ["true", "false"] };
    case "pause":
      return { node: { id, type: "delay", params: { durationMs: 1_000 * (1 + (flag % 3)) } }, ports: ["main"] };
    case "merge":
      return { node: { id, type: "merge", params: { mode: mergeMode } }, ports: ["main"] };
    case "set":
    case "each":
      return { node: { id, type: "set", params: { fields: { n: "{{ trigger.n }}", ...(isInLoop ? { item: "{{ item }}", index: "{{ loop.index }}", count: "{{ loop.count }}" } : {}) } } }, ports: ["main"] };
    default:
      return kind satisfies never;
  }
}

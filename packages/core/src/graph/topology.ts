import { at } from "../collections.ts";

/** For each node (by index) the indexes of the nodes that its edges lead to. Indexes outside of the list are not allowed. */
export type Adjacency = readonly (readonly number[])[];

/** Nodes in an order in which every edge leads forward; nodes on or behind a cycle are left out. */
export interface Topology {
  readonly order: readonly number[];
  /** Length of the longest path that leads to a node, by index; 0 for a node without incoming edges. Meaningless for nodes left out. */
  readonly levels: readonly number[];
}

/** Kahn's algorithm, in linear time. */
export function topologyOf(outgoing: Adjacency): Topology {
  const levels = outgoing.map(() => 0);
  const openEdges = outgoing.map(() => 0);
  for (const target of outgoing.flat()) {
    openEdges[target] = at(openEdges, target) + 1;
  }
  const order = openEdges.flatMap((open, node) => (open === 0 ? [node] : []));
  for (let done = 0; done < order.length; done += 1) {
    const node = at(order, done);
    for (const target of at(outgoing, node)) {
      levels[target] = Math.max(at(levels, target), at(levels, node) + 1);
      const open = at(openEdges, target) - 1;
      openEdges[target] = open;
      if (open === 0) {
        order.push(target);
      }
    }
  }
  return { order, levels };
}

/** The nodes that some start leads to, the starts among them. Linear. */
export function reachableFrom(starts: readonly number[], outgoing: Adjacency): ReadonlySet<number> {
  const reached = new Set(starts);
  for (const node of reached) {
    for (const target of at(outgoing, node)) {
      reached.add(target);
    }
  }
  return reached;
}

/**
 * Whether one node leads to another, for all pairs: one bit per pair, filled along the topological order (edges × nodes / 32 steps).
 * Knows nothing about nodes that the order leaves out. A node of `joins` has only those before it that all of its edges have in common:
 * it goes on with the first branch that arrives, so whatever lies in one branch alone may end after it.
 */
export function ancestorsOf(outgoing: Adjacency, order: readonly number[], joins: ReadonlySet<number> = new Set()): (ancestor: number, node: number) => boolean {
  const words = Math.ceil(outgoing.length / 32);
  const bits = new Uint32Array(outgoing.length * words);
  const entered = new Set<number>();
  for (const node of order) {
    const lineage = bits.slice(node * words, (node + 1) * words);
    lineage[node >>> 5] = at(lineage, node >>> 5) | (1 << (node & 31));
    for (const target of at(outgoing, node)) {
      const isCommon = joins.has(target) && entered.has(target);
      entered.add(target);
      for (let word = 0; word < words; word += 1) {
        const known = at(bits, target * words + word);
        bits[target * words + word] = isCommon ? known & at(lineage, word) : known | at(lineage, word);
      }
    }
  }
  return (ancestor, node) => (at(bits, node * words + (ancestor >>> 5)) & (1 << (ancestor & 31))) !== 0;
}

/** For every knot of cycles the shortest cycle through its first node, as node indexes in the order of the edges. Linear. */
export function findCycles(outgoing: Adjacency): number[][] {
  return strongComponents(outgoing)
    .map((component) => component.toSorted((left, right) => left - right))
    .toSorted((left, right) => at(left, 0) - at(right, 0))
    .flatMap((component) => {
      const cycle = shortestCycle(at(component, 0), new Set(component), outgoing);
      return cycle === undefined ? [] : [cycle];
    });
}

/** Breadth first from `start` inside of its component until an edge leads back; undefined when none does. */
function shortestCycle(start: number, component: ReadonlySet<number>, outgoing: Adjacency): number[] | undefined {
  const cameFrom = new Map<number, number>();
  const reached = new Set([start]);
  for (const node of reached) {
    for (const target of at(outgoing, node)) {
      if (target === start) {
        return pathTo(node, cameFrom);
      }
      if (component.has(target) && !reached.has(target)) {
        reached.add(target);
        cameFrom.set(target, node);
      }
    }
  }
  return undefined;
}

function pathTo(end: number, cameFrom: ReadonlyMap<number, number>): number[] {
  const path: number[] = [];
  for (let node: number | undefined = end; node !== undefined; node = cameFrom.get(node)) {
    path.push(node);
  }
  return path.toReversed();
}

/** Tarjan's strongly connected components, with its own stack instead of recursion. */
function strongComponents(outgoing: Adjacency): number[][] {
  const unseen = -1;
  const seenAt = outgoing.map(() => unseen);
  const low = outgoing.map(() => 0);
  const nextEdge = outgoing.map(() => 0);
  const stack: number[] = [];
  const open = new Set<number>();
  const components: number[][] = [];
  let seen = 0;
  const enter = (node: number, path: number[]): void => {
    seenAt[node] = seen;
    low[node] = seen;
    seen += 1;
    stack.push(node);
    open.add(node);
    path.push(node);
  };
  const visit = (node: number, path: number[]): void => {
    const edge = at(nextEdge, node);
    const target = at(outgoing, node)[edge];
    if (target === undefined) {
      path.pop();
      const parent = path.at(-1);
      if (parent !== undefined) {
        low[parent] = Math.min(at(low, parent), at(low, node));
      }
      if (low[node] === seenAt[node]) {
        components.push(closeComponent(node, stack, open));
      }
      return;
    }
    nextEdge[node] = edge + 1;
    if (seenAt[target] === unseen) {
      enter(target, path);
    } else if (open.has(target)) {
      low[node] = Math.min(at(low, node), at(seenAt, target));
    }
  };
  for (const root of outgoing.keys()) {
    const path: number[] = [];
    if (seenAt[root] === unseen) {
      enter(root, path);
    }
    for (let node = path.at(-1); node !== undefined; node = path.at(-1)) {
      visit(node, path);
    }
  }
  return components;
}

/** Takes the nodes that were opened since `root`, with it, off the stack. */
function closeComponent(root: number, stack: number[], open: Set<number>): number[] {
  const component: number[] = [];
  while (open.has(root)) {
    const node = at(stack, stack.length - 1);
    stack.pop();
    open.delete(node);
    component.push(node);
  }
  return component;
}

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { at } from "../collections.ts";
import { graphOf, planOf, validGraphs } from "../graph/graphs.test-support.ts";
import type { Plan } from "./plan.ts";
import { Progress, type NodeOutcome, type NodeState } from "./progress.ts";

const done = (...ports: string[]): NodeOutcome => ({ kind: "done", ports });
const diamond = planOf(
  graphOf(
    ["t", "a", "b", "after", "join", "other"].map((id) => ({ id, type: "if" })),
    [["t", "a", "true"], ["t", "b", "false"], ["b", "after", "true"], ["a", "join", "true"], ["after", "join", "true"], ["other", "join", "true"]],
  ),
);

test("a branch that is not taken is pruned up to the join, which needs only what was taken", () => {
  const progress = Progress.start(diamond, "t");
  expect([progress.ready, progress.pruned, progress.isFinished]).toEqual([["t"], ["other"], false]);
  expect(progress.settle("t", done("true"))).toEqual({ ready: ["a"], pruned: ["b", "after"] });
  expect(progress.settle("a", done("true"))).toEqual({ ready: ["join"], pruned: [] });
  expect(progress.takenInputs("join")).toEqual([{ nodeId: "a", port: "true" }]);
  expect(progress.stateOf("join")).toBe("ready");
  expect(progress.settle("join", done())).toEqual({ ready: [], pruned: [] });
  expect(progress.isFinished).toBe(true);
});

test("a join of two taken branches waits for both, and sees them in plan order", () => {
  const progress = Progress.start(diamond, "t");
  expect(progress.settle("t", done("true", "false", "unknown"))).toEqual({ ready: ["a", "b"], pruned: [] });
  progress.settle("b", done("true"));
  expect(progress.settle("after", done("true")).ready).toEqual([]);
  expect(progress.stateOf("join")).toBe("blocked");
  expect(progress.settle("a", done("true")).ready).toEqual(["join"]);
  expect(progress.takenInputs("join").map(({ nodeId }) => nodeId)).toEqual(["a", "after"]);
});

test("a failure stops its branch only", () => {
  const progress = Progress.start(diamond, "t");
  progress.settle("t", done("true", "false"));
  expect(progress.settle("b", { kind: "failed" })).toEqual({ ready: [], pruned: ["after"] });
  expect(progress.settle("a", done("true")).ready).toEqual(["join"]);
  expect(progress.stateOf("b")).toBe("failed");
});

test("the other trigger prunes what only the first one reaches", () => {
  const progress = Progress.start(diamond, "other");
  expect(progress.pruned).toEqual(["t", "a", "b", "after"]);
  expect(progress.settle("other", done("true")).ready).toEqual(["join"]);
});

test("refuses what cannot be", () => {
  const progress = Progress.start(diamond, "t");
  expect(() => Progress.start(diamond, "a")).toThrow("no trigger");
  expect(() => progress.settle("a", done())).toThrow("it is blocked");
  expect(() => progress.settle("gone", done())).toThrow("no node");
  progress.settle("t", done());
  expect(() => progress.settle("t", done())).toThrow("it is done");
  expect(() => Progress.restore(diamond, "t", new Map([["a", done()]]))).toThrow("it is blocked");
  expect(() => Progress.restore(diamond, "t", new Map([["gone", done()]]))).toThrow("no node");
});

/** A valid plan with a fixed outcome for each node, and numbers that choose the order in which ready nodes settle. */
const scenarios = validGraphs.chain((graph) => {
  const plan = planOf(graph);
  const outcome = fc.oneof({ weight: 5, arbitrary: fc.subarray(["main", "true", "false"]).map((ports) => done(...ports)) }, { weight: 1, arbitrary: fc.constant<NodeOutcome>({ kind: "failed" }) });
  return fc.record({
    plan: fc.constant(plan),
    trigger: fc.constantFrom(...plan.triggers),
    outcomes: fc.array(outcome, { minLength: plan.nodes.length, maxLength: plan.nodes.length }).map((list) => new Map(plan.nodes.map(({ node, position }) => [node.id, at(list, position)]))),
    choices: fc.infiniteStream(fc.nat()),
    otherChoices: fc.infiniteStream(fc.nat()),
    cut: fc.nat({ max: plan.nodes.length }),
  });
});

function outcomeOf(outcomes: ReadonlyMap<string, NodeOutcome>, nodeId: string): NodeOutcome {
  return outcomes.get(nodeId) ?? { kind: "failed" };
}

function statesOf(plan: Plan, progress: Progress): NodeState[] {
  return plan.nodes.map(({ node }) => progress.stateOf(node.id));
}

/** Settles up to `count` nodes in the order that `choices` make, and returns what was settled. */
function advance(progress: Progress, outcomes: ReadonlyMap<string, NodeOutcome>, choices: Iterator<number>, count: number): Map<string, NodeOutcome> {
  const settled = new Map<string, NodeOutcome>();
  while (settled.size < count && progress.ready.length > 0) {
    const choice: number = choices.next().value ?? 0;
    const nodeId = at(progress.ready, choice % progress.ready.length);
    const outcome = outcomeOf(outcomes, nodeId);
    progress.settle(nodeId, outcome);
    settled.set(nodeId, outcome);
  }
  return settled;
}

/** The rule, word by word, in plan order. */
function expectedStates({ nodes }: Plan, trigger: string, outcomes: ReadonlyMap<string, NodeOutcome>): NodeState[] {
  const states: NodeState[] = [];
  for (const { node, incoming } of nodes) {
    const isTaken = incoming.some(({ from, port }) => {
      const outcome = outcomeOf(outcomes, at(nodes, from).node.id);
      return states[from] === "done" && outcome.kind === "done" && outcome.ports.includes(port);
    });
    states.push(isTaken || node.id === trigger ? outcomeOf(outcomes, node.id).kind : "pruned");
  }
  return states;
}

test("every order of settling ends as the rule says, with every node settled or pruned", () => {
  fc.assert(
    fc.property(scenarios, ({ plan, trigger, outcomes, choices, otherChoices }) => {
      const [one, other] = [Progress.start(plan, trigger), Progress.start(plan, trigger)];
      advance(one, outcomes, choices, Number.POSITIVE_INFINITY);
      advance(other, outcomes, otherChoices, Number.POSITIVE_INFINITY);
      expect(one.isFinished).toBe(true);
      expect(statesOf(plan, one)).toEqual(expectedStates(plan, trigger, outcomes));
      expect(statesOf(plan, other)).toEqual(statesOf(plan, one));
      for (const { node } of plan.nodes) {
        expect(other.takenInputs(node.id)).toEqual(one.takenInputs(node.id));
      }
    }),
  );
});

test("no node is ready before all nodes that lead to it are settled or pruned; steps name each node once, in plan order", () => {
  fc.assert(
    fc.property(scenarios, ({ plan, trigger, outcomes, choices }) => {
      const progress = Progress.start(plan, trigger);
      const named = new Set([...progress.ready, ...progress.pruned]);
      while (progress.ready.length > 0) {
        const nodeId = at(progress.ready, (choices.next().value ?? 0) % progress.ready.length);
        const step = progress.settle(nodeId, outcomeOf(outcomes, nodeId));
        for (const list of [step.ready, step.pruned]) {
          const positions = list.map((id) => plan.positions.get(id) ?? -1);
          expect(positions).toEqual(positions.toSorted((left, right) => left - right));
        }
        for (const id of [...step.ready, ...step.pruned]) {
          expect(named.has(id)).toBe(false);
          named.add(id);
          for (const { from } of at(plan.nodes, plan.positions.get(id) ?? -1).incoming) {
            expect(["done", "failed", "pruned"]).toContain(progress.stateOf(at(plan.nodes, from).node.id));
          }
        }
      }
      expect(named.size).toBe(plan.nodes.length);
    }),
  );
});

test("a journal that breaks off anywhere restores the same state", () => {
  fc.assert(
    fc.property(scenarios, ({ plan, trigger, outcomes, choices, cut }) => {
      const progress = Progress.start(plan, trigger);
      const journal = advance(progress, outcomes, choices, cut);
      const restored = Progress.restore(plan, trigger, new Map([...journal].toReversed()));
      expect(statesOf(plan, restored)).toEqual(statesOf(plan, progress));
      expect(restored.ready).toEqual(progress.ready);
      expect(restored.isFinished).toBe(progress.isFinished);
    }),
  );
});

describe("a node that joins the first branch", () => {
  const edges = [["t", "a"], ["t", "b", "true"], ["t", "c", "true"], ["a", "join"], ["b", "join", "true"], ["c", "join", "true"], ["join", "end"]] as const;
  const nodes = [{ id: "t", type: "if" }, { id: "a", type: "set" }, { id: "b", type: "if" }, { id: "c", type: "if" }, { id: "join", type: "join", params: { mode: "first" } }, { id: "end", type: "set" }];
  const plan = planOf(graphOf(nodes, edges));

  test("is ready with the first one, which stays its only input", () => {
    const progress = Progress.start(plan, "t");
    progress.settle("t", done("main", "true"));
    expect(progress.settle("c", done("true")).ready).toEqual(["join"]);
    expect(progress.settle("b", done("true"))).toEqual({ ready: [], pruned: [] });
    expect(progress.takenInputs("join")).toEqual([{ nodeId: "c", port: "true" }]);
    expect(progress.settle("join", done("main")).ready).toEqual(["end"]);
    expect(progress.isFinished).toBe(false);
    progress.settle("end", done());
    expect(progress.settle("a", done("main"))).toEqual({ ready: [], pruned: [] });
    expect(progress.isFinished).toBe(true);
  });

  test("passes over branches that end elsewhere, and is pruned when all do", () => {
    const progress = Progress.start(plan, "t");
    progress.settle("t", done("true"));
    expect(progress.stateOf("a")).toBe("pruned");
    expect(progress.settle("b", { kind: "failed" })).toEqual({ ready: [], pruned: [] });
    expect(progress.settle("c", done("false"))).toEqual({ ready: [], pruned: ["join", "end"] });
    expect(progress.isFinished).toBe(true);
  });

  test("is done after a restart before its other branches are", () => {
    const progress = Progress.restore(plan, "t", new Map([["join", done("main")], ["c", done("true")], ["t", done("main", "true")]]));
    expect(progress.ready).toEqual(["a", "b", "end"]);
    expect(progress.takenInputs("join")).toEqual([{ nodeId: "c", port: "true" }]);
  });
});

/** The same scenarios with some joins of the first branch among the nodes. */
const racing = fc.tuple(scenarios, fc.infiniteStream(fc.boolean())).map(([scenario, choices]) => {
  const { nodes, ...rest } = scenario.plan;
  const some = nodes.map((node) => ({ ...node, joinsFirst: choices.next().value === true }));
  return { ...scenario, plan: { ...rest, nodes: some } };
});

test("whoever is first at joins of the first branch: the same nodes are done, failed and pruned in the end", () => {
  fc.assert(
    fc.property(racing, ({ plan, trigger, outcomes, choices }) => {
      const progress = Progress.start(plan, trigger);
      advance(progress, outcomes, choices, Number.POSITIVE_INFINITY);
      expect(statesOf(plan, progress)).toEqual(expectedStates(plan, trigger, outcomes));
      for (const { node, joinsFirst } of plan.nodes) {
        if (joinsFirst) expect(progress.takenInputs(node.id).length).toBeLessThanOrEqual(1);
      }
    }),
  );
});

test("a journal with joins of the first branch that breaks off anywhere restores the same state, and leads to the same end", () => {
  fc.assert(
    fc.property(racing, ({ plan, trigger, outcomes, choices, otherChoices, cut }) => {
      const progress = Progress.start(plan, trigger);
      const journal = advance(progress, outcomes, choices, cut);
      const restored = Progress.restore(plan, trigger, new Map([...journal].toReversed()));
      expect(statesOf(plan, restored)).toEqual(statesOf(plan, progress));
      expect(Progress.restore(plan, trigger, journal).ready).toEqual(restored.ready);
      const later = advance(restored, outcomes, otherChoices, Number.POSITIVE_INFINITY);
      expect([...later.keys()].filter((nodeId) => journal.has(nodeId))).toEqual([]);
      expect(statesOf(plan, restored)).toEqual(expectedStates(plan, trigger, outcomes));
    }),
  );
});

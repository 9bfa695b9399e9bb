import { graph, MANUAL, set } from "@fluxo/test/support/graphs";
import { createClient, type JournalEntry, type Tenant } from "@fluxo/test/support/client";
import { afterAll, beforeAll, expect, inject, test } from "vitest";

const system = inject("system");
const client = createClient({ ...system });
let tenant: Tenant;

beforeAll(async () => {
  tenant = await client.createTenant();
});
afterAll(() => client.close());

type Graph = Parameters<Tenant["run"]>[0];

/** Runs a graph to SUCCESS; results and journal. */
async function succeed(graphOf: Graph, input: Record<string, unknown> = {}): Promise<{ readonly results: unknown; readonly journal: readonly JournalEntry[]; readonly statuses: Record<string, string> }> {
  const executionId = await tenant.run(graphOf, input);
  const { output } = await tenant.waitForStatus(executionId, "SUCCESS");
  const { journal } = await tenant.timeline(executionId);
  return { results: (output as { results: unknown }).results, journal, statuses: Object.fromEntries(journal.map(({ nodeId, status }) => [nodeId, status])) };
}

const isLarge = { id: "isLarge", type: "if", params: { conditions: [{ left: "{{ trigger.total }}", operator: "greaterThan", right: 100 }] } };

test.for([
  { total: 250, taken: "approve", skipped: ["ship", "label"], ports: ["true"], results: { approve: { route: "approval" } } },
  { total: 40, taken: "ship", skipped: ["approve"], ports: ["false"], results: { label: { text: "40 by mail" } } },
])("if: with $total the node $taken runs, the other side is skipped", async ({ total, taken, skipped, ports, results }) => {
  const run = await succeed(
    graph(
      [MANUAL, isLarge, set("approve", { route: "approval" }), set("ship", { by: "mail" }), set("label", { text: "{{ trigger.total }} by {{ ship.by }}" })],
      ["start > isLarge", "isLarge:true > approve", "isLarge:false > ship", "ship > label"],
    ),
    { total },
  );
  expect(run.results).toEqual(results);
  expect(run.statuses).toMatchObject({ start: "SUCCESS", isLarge: "SUCCESS", [taken]: "SUCCESS" });
  expect(run.journal.filter(({ status }) => status === "SKIPPED").map(({ nodeId }) => nodeId)).toEqual(skipped);
  expect(run.journal.find(({ nodeId }) => nodeId === "isLarge")).toMatchObject({ ports, output: { result: ports[0] === "true", conditions: [ports[0] === "true"] } });
  for (const { attempt, startedAt, output } of run.journal.filter(({ status }) => status === "SKIPPED")) expect({ attempt, startedAt, output }).toEqual({ attempt: 0, startedAt: null, output: null });
});

test("a join after an if goes on with the branch that was taken", async () => {
  const { results, statuses } = await succeed(
    graph(
      [MANUAL, isLarge, set("approve", { n: 1 }), set("ship", { n: 2 }), { id: "join", type: "merge" }, set("end", { from: "{{ join.inputs.ship.n }}" })],
      ["start > isLarge", "isLarge:true > approve", "isLarge:false > ship", "approve > join", "ship > join", "join > end"],
    ),
    { total: 1 },
  );
  expect(results).toEqual({ end: { from: 2 } });
  expect(statuses).toEqual({ start: "SUCCESS", isLarge: "SUCCESS", approve: "SKIPPED", ship: "SUCCESS", join: "SUCCESS", end: "SUCCESS" });
});

const byPlan = (mode: "first" | "all") => ({
  id: "route",
  type: "switch",
  params: { mode, value: "{{ trigger.plan }}", cases: [{ name: "trial", equals: "trial" }, { name: "paid", equals: "paid" }, { name: "large", conditions: [{ left: "{{ trigger.seats }}", operator: "greaterThan", right: 10 }] }] },
});
const switchGraph = (mode: "first" | "all"): Graph =>
  graph([MANUAL, byPlan(mode), set("trial"), set("paid"), set("large"), set("other")], ["start > route", "route:case:trial > trial", "route:case:paid > paid", "route:case:large > large", "route:default > other"]);

test.for([
  { mode: "first", plan: "paid", seats: 50, matched: ["paid"], ran: ["paid"] },
  { mode: "all", plan: "paid", seats: 50, matched: ["paid", "large"], ran: ["paid", "large"] },
  { mode: "first", plan: "gift", seats: 1, matched: [], ran: ["other"] },
] as const)("switch, $mode: plan $plan with $seats seats runs $ran", async ({ mode, plan, seats, matched, ran }) => {
  const { journal, statuses } = await succeed(switchGraph(mode), { plan, seats });
  expect(journal.find(({ nodeId }) => nodeId === "route")?.output).toEqual({ matched, isFallback: matched.length === 0 });
  for (const nodeId of ["trial", "paid", "large", "other"]) expect([nodeId, statuses[nodeId]]).toEqual([nodeId, (ran as readonly string[]).includes(nodeId) ? "SUCCESS" : "SKIPPED"]);
});

test.for([
  ["waitAll", { inputs: { left: { a: 1, who: "left" }, right: { b: 2, who: "right" } } }],
  ["append", [{ a: 1, who: "left" }, { b: 2, who: "right" }]],
  ["combine", { a: 1, b: 2, who: "right" }],
] as const)("merge, %s", async ([mode, expected]) => {
  const { results } = await succeed(
    graph([MANUAL, set("right", { b: 2, who: "right" }), set("left", { a: 1, who: "left" }), { id: "join", type: "merge", params: { mode } }], ["start > left", "start > right", "left > join", "right > join"]),
  );
  // Plan order breaks ties by id, not by the order in which the graph was saved.
  expect(results).toEqual({ join: expected });
});

test("two branches of 3 s each take clearly less than 6 s together", async () => {
  const wait = (id: string) => ({ id, type: "http.request", params: { url: `${system.sinkUrl}/slow/3000/${id}` } });
  const { journal } = await succeed(graph([MANUAL, wait("left"), wait("right"), { id: "join", type: "merge" }], ["start > left", "start > right", "left > join", "right > join"]));
  const branches = journal.filter(({ type }) => type === "http.request");
  const starts = branches.map(({ startedAt }) => Date.parse(startedAt ?? ""));
  const ends = branches.map(({ completedAt }) => Date.parse(completedAt ?? ""));
  for (const { durationMs } of branches) expect(durationMs).toBeGreaterThanOrEqual(2_999);
  expect(Math.max(...starts)).toBeLessThan(Math.min(...ends));
  expect(Math.max(...ends) - Math.min(...starts)).toBeLessThan(5_700);
});

test("the journal has the same order whatever the order in which the graph was saved", async () => {
  const nodes = [MANUAL, set("b"), set("a"), set("c"), { id: "join", type: "merge" }];
  const edges = ["start > a", "start > b", "start > c", "a > join", "b > join", "c > join"];
  const orders = [graph(nodes, edges), graph(nodes.toReversed(), edges.toReversed())].map(async (saved) => (await succeed(saved)).journal.map(({ nodeId }) => nodeId));
  const [first, second] = await Promise.all(orders);
  expect(first).toEqual(["start", "a", "b", "c", "join"]);
  expect(second).toEqual(first);
});

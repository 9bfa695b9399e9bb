import type { JsonObject } from "@fluxo/core/json";
import { cancelExecution } from "@fluxo/prisma/executions/cancel";
import { addPlan, addWorkflow, queueExecutions, seedWorkflow, type SeededWorkflow } from "@fluxo/prisma/testing/seed";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import type { Graph } from "@fluxo/test/support/client";
import { chain as inLine } from "@fluxo/test/support/graphs";
import { startSink, type Sink } from "@fluxo/test/support/sink";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createEngine, deliver, drain, mortalPool } from "./testing/pod.ts";

const pools = await useTestDatabase();
let sink: Sink;

beforeAll(async () => {
  sink = await startSink();
});

// Relay and sweep see every tenant: what earlier tests left is not theirs.
beforeEach(async () => {
  await pools.owner.query("DELETE FROM executions");
});

afterAll(() => sink.stop());

/** start → rest, one after the other. */
const chain = (trigger: string, ...rest: Graph["nodes"]): Graph => inLine({ id: "start", type: trigger }, ...rest);

const FAILS = chain("trigger.manual", { id: "no", type: "stop", name: "Refuse", params: { message: "Not {{ trigger.n }}." } });
const TELLS = chain("trigger.error", { id: "tell", type: "set", params: { fields: { of: "{{ trigger.execution.id }}" } } });

const setOf = { workflow: "UPDATE workflows SET error_workflow_id = $2 WHERE id = $1", tenant: "UPDATE tenants SET error_workflow_id = $2 WHERE id = $1" } as const;

interface Told {
  readonly tenant: string;
  readonly workflow: string;
  readonly status: string;
  readonly key: string;
  readonly input: { readonly execution: JsonObject; readonly workflow: JsonObject };
}

/** Executions of error workflows, oldest first. */
async function told(): Promise<Told[]> {
  const { rows } = await pools.owner.query<Told>(
    `SELECT e.tenant_id AS tenant, e.workflow_id AS workflow, e.status, e.occurrence_key AS key, e.input FROM executions e
     JOIN triggers t ON t.tenant_id = e.tenant_id AND t.id = e.trigger_id WHERE t.kind = 'error' ORDER BY e.queued_at, e.id`,
  );
  return rows;
}

async function failing(graph: Graph = FAILS): Promise<{ readonly failing: SeededWorkflow; readonly tells: SeededWorkflow; readonly tenantId: string }> {
  const workflow = await seedWorkflow(pools.owner, graph);
  const tells = await addWorkflow(pools.owner, workflow.tenantId, TELLS);
  await pools.owner.query(setOf.workflow, [workflow.workflowId, tells.workflowId]);
  return { failing: workflow, tells, tenantId: workflow.tenantId };
}

test("a failure starts the error workflow in the transaction that settles it, and tells it what failed", async () => {
  const { failing: workflow, tells, tenantId } = await failing();
  const [id = ""] = await queueExecutions(pools.app, workflow, [{ n: 7 }]);
  const engine = createEngine(pools, "one");
  await engine.claimAndRun(tenantId, [id]);
  const [first, ...others] = await told();
  expect(others).toEqual([]);
  expect(first).toMatchObject({ tenant: tenantId, workflow: tells.workflowId, status: "QUEUED", key: id });
  expect(first?.input).toMatchObject({
    execution: {
      ...{ id, tenantId, workflowId: workflow.workflowId, versionId: workflow.versionId, triggerKind: "manual", parentExecutionId: null },
      error: { code: "STOPPED_BY_WORKFLOW", message: "Not 7.", nodeId: "no" },
      failedNodes: [{ nodeId: "no", name: "Refuse", type: "stop", code: "STOPPED_BY_WORKFLOW", attempt: 1 }],
    },
    workflow: { id: workflow.workflowId, name: `Workflow ${workflow.workflowId}` },
  });
  expect(JSON.stringify(first?.input)).not.toContain("stack");
  expect(first?.input.execution["completedAt"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  await deliver(pools, engine);
  expect((await told()).map(({ status }) => status)).toEqual(["SUCCESS"]);
});

test("a batch of failures starts one error workflow each, in the one statement that settles the batch", async () => {
  const { failing: workflow, tenantId } = await failing();
  const ids = await queueExecutions(pools.app, workflow, Array.from({ length: 30 }, (_, n) => ({ n })));
  let statements = 0;
  const query = (...args: unknown[]): unknown => {
    statements += 1;
    return (pools.app.query as (...given: unknown[]) => unknown).apply(pools.app, args);
  };
  const counted = new Proxy(pools.app, { get: (target, key) => (key === "query" ? query : (Reflect.get(target, key, target) as unknown)) });
  await createEngine({ ...pools, app: counted }, "one").claimAndRun(tenantId, ids);
  expect((await told()).map(({ key }) => key).toSorted()).toEqual(ids.toSorted());
  expect(statements / ids.length).toBeLessThanOrEqual(0.5);
});

test("the workflow's error workflow comes before the tenant's, that before the agency's, and one that cannot be started is passed over", async () => {
  const workflow = await seedWorkflow(pools.owner, FAILS);
  const { tenantId } = workflow;
  const [own, ofTenant] = [await addWorkflow(pools.owner, tenantId, TELLS), await addWorkflow(pools.owner, tenantId, TELLS)];
  const operations = "00000000-0000-4000-8000-00000000aaaa";
  await pools.owner.query("INSERT INTO tenants (id, agency_id, plan_id, name) SELECT $2, agency_id, plan_id, 'Operations' FROM tenants WHERE id = $1", [tenantId, operations]);
  const ofAgency = await addWorkflow(pools.owner, operations, TELLS);
  const engine = createEngine(pools, "one");
  const next = async (): Promise<readonly [string, string] | undefined> => {
    const [id = ""] = await queueExecutions(pools.app, workflow, [{ n: 1 }]);
    await engine.claimAndRun(tenantId, [id]);
    const start = (await told()).find(({ key }) => key === id);
    return start === undefined ? undefined : [start.tenant, start.workflow];
  };
  expect(await next()).toBeUndefined();
  await pools.owner.query("UPDATE agencies SET error_tenant_id = $2, error_workflow_id = $3 WHERE id = (SELECT agency_id FROM tenants WHERE id = $1)", [tenantId, operations, ofAgency.workflowId]);
  expect(await next()).toEqual([operations, ofAgency.workflowId]);
  await pools.owner.query(setOf.tenant, [tenantId, ofTenant.workflowId]);
  expect(await next()).toEqual([tenantId, ofTenant.workflowId]);
  await pools.owner.query(setOf.workflow, [workflow.workflowId, own.workflowId]);
  expect(await next()).toEqual([tenantId, own.workflowId]);
  await pools.owner.query("UPDATE triggers SET is_enabled = false WHERE workflow_id = $1", [own.workflowId]);
  expect(await next()).toEqual([tenantId, ofTenant.workflowId]);
  // Another agency's tenants have nothing to do with it.
  const stranger = await seedWorkflow(pools.owner, FAILS);
  const [id = ""] = await queueExecutions(pools.app, stranger, [{ n: 1 }]);
  await engine.claimAndRun(stranger.tenantId, [id]);
  expect((await told()).filter(({ key }) => key === id)).toEqual([]);
});

test.each(["before", "after"] as const)("a pod that dies %s any of its statements: the failure is told exactly once", async (when) => {
  let hasDied = true;
  for (let nth = 1; hasDied; nth += 1) {
    const { failing: workflow, tenantId } = await failing();
    const [id = ""] = await queueExecutions(pools.app, workflow, [{ n: 1 }]);
    const mortal = mortalPool(pools.app, nth, when);
    const run = createEngine({ ...pools, app: mortal.pool }, "mortal").claimAndRun(tenantId, [id]);
    hasDied = await Promise.race([mortal.died.then(() => true), run.then(() => false)]);
    await drain(pools, createEngine(pools, "survivor"));
    expect(await told(), `statement ${nth}`).toMatchObject([{ key: id, status: "SUCCESS" }]);
    await pools.owner.query("DELETE FROM executions");
    if (!hasDied) expect(nth).toBeGreaterThan(3);
  }
});

test("a crash that the sweep finds counts: an act of unknown outcome fails the execution, and is told", async () => {
  const path = "/hang/crash";
  const act = { id: "act", type: "http.request", params: { url: `${sink.url}${path}`, method: "POST", onUncertain: "fail" } };
  const { failing: workflow, tenantId } = await failing(chain("trigger.manual", act));
  const [id = ""] = await queueExecutions(pools.app, workflow, [{}]);
  void createEngine(pools, "crashed", { privateHosts: [`127.0.0.1:${sink.port}`] }).claimAndRun(tenantId, [id]);
  await expect.poll(() => sink.received(path).length).toBe(1);
  const { rows } = await pools.owner.query("SELECT status FROM node_executions WHERE execution_id = $1 AND node_id = 'act'", [id]);
  expect(rows, "the node wrote its intent").toEqual([{ status: "RUNNING" }]);
  await drain(pools, createEngine(pools, "survivor", { privateHosts: [`127.0.0.1:${sink.port}`] }));
  expect(await told()).toMatchObject([{ key: id, status: "SUCCESS", input: { execution: { error: { code: "SIDE_EFFECT_UNCERTAIN", nodeId: "act" } } } }]);
  expect(sink.received(path)).toHaveLength(1);
});

test("time-outs and versions that cannot be read are told; what was refused, canceled or succeeded is not", async () => {
  const slow = { id: "slow", type: "http.request", params: { url: `${sink.url}/slow/5000/timeout` }, timeoutMs: 1_000, retry: { maxAttempts: 1 } };
  const cases: readonly (readonly [Graph, string | undefined])[] = [
    [chain("trigger.manual", slow), "NODE_TIMEOUT"],
    [chain("trigger.manual", { id: "x", type: "unheard.of" }), "EXECUTION_UNREADABLE"],
    [chain("trigger.manual"), undefined],
  ];
  const engine = createEngine(pools, "one", { privateHosts: [`127.0.0.1:${sink.port}`] });
  for (const [graph, code] of cases) {
    const { failing: workflow, tenantId } = await failing(graph);
    const [id = ""] = await queueExecutions(pools.app, workflow, [{}]);
    await engine.claimAndRun(tenantId, [id]);
    expect((await told()).filter(({ key }) => key === id).map(({ input }) => input.execution["error"])).toEqual(code === undefined ? [] : [expect.objectContaining({ code })]);
  }
  await pools.owner.query("DELETE FROM executions");
  const { failing: workflow, tenantId } = await failing();
  const [canceled = "", blocked = ""] = await queueExecutions(pools.app, workflow, [{}, {}]);
  await cancelExecution(pools.app, tenantId, canceled);
  await pools.owner.query("UPDATE workflows SET is_active = false WHERE id = $1", [workflow.workflowId]);
  await engine.claimAndRun(tenantId, [blocked]);
  expect(await told()).toEqual([]);
});

test("an error workflow that fails tells nobody, and neither does a sub-workflow that it called", async () => {
  const child = await seedWorkflow(pools.owner, chain("trigger.workflow", { id: "no", type: "stop", params: { message: "The child fails." } }));
  const { tenantId } = child;
  const call = { id: "call", type: "workflow.execute", params: { workflowId: child.workflowId } };
  const tells = await addWorkflow(pools.owner, tenantId, chain("trigger.error", call));
  await pools.owner.query(setOf.tenant, [tenantId, tells.workflowId]);
  const workflow = await addWorkflow(pools.owner, tenantId, FAILS);
  await queueExecutions(pools.app, workflow, [{ n: 1 }]);
  await drain(pools, createEngine(pools, "one"));
  const { rows } = await pools.owner.query("SELECT workflow_id AS workflow, status FROM executions WHERE tenant_id = $1 ORDER BY queued_at, id", [tenantId]);
  expect(rows).toEqual([workflow, tells, child].map(({ workflowId }) => ({ workflow: workflowId, status: "FAILED" })));
});

test("a sub-workflow that fails is told, and so is its caller when it fails of it", async () => {
  const child = await seedWorkflow(pools.owner, chain("trigger.workflow", { id: "no", type: "stop", params: { message: "No." } }));
  const { tenantId } = child;
  const tells = await addWorkflow(pools.owner, tenantId, TELLS);
  await pools.owner.query(setOf.tenant, [tenantId, tells.workflowId]);
  const caller = await addWorkflow(pools.owner, tenantId, chain("trigger.manual", { id: "call", type: "workflow.execute", params: { workflowId: child.workflowId } }));
  const [id = ""] = await queueExecutions(pools.app, caller, [{}]);
  await drain(pools, createEngine(pools, "one"));
  expect((await told()).map(({ input }) => [input.execution["triggerKind"], input.execution["parentExecutionId"]])).toEqual([["workflow", id], ["manual", null]]);
});

test("the quota counts error workflows too: one that is over it is blocked and says why", async () => {
  const planId = await addPlan(pools.owner, { executionsPerMonth: 1, concurrencyMax: 5 });
  const workflow = await seedWorkflow(pools.owner, FAILS, planId);
  const tells = await addWorkflow(pools.owner, workflow.tenantId, TELLS);
  await pools.owner.query(setOf.workflow, [workflow.workflowId, tells.workflowId]);
  await queueExecutions(pools.app, workflow, [{ n: 1 }]);
  await deliver(pools, createEngine(pools, "one"));
  expect(await told()).toMatchObject([{ status: "BLOCKED" }]);
});

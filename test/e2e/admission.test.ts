import { chain, graph, MANUAL, post, set, SIGNED_WEBHOOK } from "@fluxo/test/support/graphs";
import { createClient, type Tenant } from "@fluxo/test/support/client";
import { deliver } from "@fluxo/test/support/hooks";
import { afterAll, expect, inject, test } from "vitest";

const system = inject("system");
const client = createClient({ ...system });
afterAll(() => client.close());

/** What a refusal must look like, whatever the reason; nothing ran and nothing was charged. */
async function expectBlocked(tenant: Tenant, executionId: string, reason: string, sentence: RegExp): Promise<void> {
  const before = await tenant.usage();
  const execution = await tenant.waitForStatus(executionId, "BLOCKED");
  expect(execution).toMatchObject({ reason, error: { code: reason, message: expect.stringMatching(sentence), nodeId: null }, startedAt: null, output: null });
  expect(execution.completedAt).not.toBeNull();
  const { journal, events } = await tenant.timeline(executionId);
  expect(journal).toEqual([]);
  expect(events.map(({ type }) => type)).toEqual(["queued", "blocked"]);
  expect(events[1]?.message).toMatch(sentence);
  expect(await client.received(`/echo/${tenant.id}`)).toEqual([]);
  expect(await tenant.usage()).toMatchObject({ executions: { used: before.executions.used, reserved: 0 }, concurrency: { running: 0 } });
}

const actingGraph = (tenant: Tenant, trigger = MANUAL) => chain(trigger, post("act", `${system.sinkUrl}/echo/${tenant.id}/act`));

/** Sets what a tenant has used of its plan in this month. */
async function setUsed(tenant: Tenant, used: number): Promise<void> {
  await client.sql(
    `INSERT INTO usage_windows (tenant_id, metric, window_start, window_end, used)
     VALUES ($1, 'executions', date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC', (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC', $2)
     ON CONFLICT (tenant_id, metric, window_start) DO UPDATE SET used = excluded.used`,
    [tenant.id, used],
  );
}

test("WORKFLOW_INACTIVE, by hand and by webhook; active again, it runs", async () => {
  const tenant = await client.createTenant();
  const manual = await tenant.publish(actingGraph(tenant));
  const hook = await tenant.publish(chain(SIGNED_WEBHOOK, set("a")));
  for (const { workflowId } of [manual, hook]) await tenant.api.call("updateWorkflow", { params: { workflowId }, body: { isActive: false } });
  await expectBlocked(tenant, await tenant.start(manual.workflowId), "WORKFLOW_INACTIVE", /workflow is not active/i);
  const delivered = await deliver(hook);
  expect(delivered.status).toBe(202);
  await expectBlocked(tenant, delivered.executionId, "WORKFLOW_INACTIVE", /workflow is not active/i);
  await tenant.api.call("updateWorkflow", { params: { workflowId: manual.workflowId }, body: { isActive: true } });
  await tenant.waitForStatus(await tenant.start(manual.workflowId), "SUCCESS");
});

test("QUOTA_EXCEEDED when the month's executions are used up; the last one of the plan still runs", async () => {
  const tenant = await client.createTenant("FREE");
  await setUsed(tenant, 499);
  const { workflowId } = await tenant.publish(chain(MANUAL, set("a")));
  await tenant.waitForStatus(await tenant.start(workflowId), "SUCCESS");
  expect((await tenant.usage()).executions).toEqual({ limit: 500, used: 500, reserved: 0, remaining: 0 });
  const acting = await tenant.publish(actingGraph(tenant));
  await expectBlocked(tenant, await tenant.start(acting.workflowId), "QUOTA_EXCEEDED", /Free allows 500 executions a month.*used up until \d{4}-\d\d-01T00:00:00Z/);
});

test("the quota holds under concurrency: with three left, twelve at once give three that run and nine that are refused", async () => {
  const tenant = await client.createTenant("FREE");
  await setUsed(tenant, 497);
  const { workflowId } = await tenant.publish(chain(MANUAL, { id: "call", type: "http.request", params: { url: `${system.sinkUrl}/slow/50/quota` } }));
  const ids = await Promise.all(Array.from({ length: 12 }, () => tenant.start(workflowId)));
  const ended = await Promise.all(ids.map((id) => tenant.waitForStatus(id, "SUCCESS").then(() => "SUCCESS", async () => (await tenant.execution(id)).reason)));
  expect(ended.filter((end) => end === "SUCCESS")).toHaveLength(3);
  expect(ended.filter((end) => end === "QUOTA_EXCEEDED")).toHaveLength(9);
  expect((await tenant.usage()).executions).toMatchObject({ used: 500, reserved: 0 });
});

test("NODE_NOT_IN_PLAN names the node types that the plan does not include", async () => {
  const tenant = await client.createTenant("FREE");
  const { workflowId } = await tenant.publish(
    graph([MANUAL, post("act", `${system.sinkUrl}/echo/${tenant.id}/act`), { id: "join", type: "merge" }], ["start > act", "act > join"]),
  );
  await expectBlocked(tenant, await tenant.start(workflowId), "NODE_NOT_IN_PLAN", /Free does not include: merge/);
});

test("TOO_MANY_NODES names both counts; a larger plan lifts it", async () => {
  const tenant = await client.createTenant("FREE");
  const { workflowId } = await tenant.publish(chain(MANUAL, ...Array.from({ length: 10 }, (_, n) => set(`n${n}`))));
  await expectBlocked(tenant, await tenant.start(workflowId), "TOO_MANY_NODES", /11 nodes; the plan Free allows 10/);
  const { data: plans } = (await client.admin.call("listPlans")).body;
  await client.admin.call("updateTenant", { params: { tenantId: tenant.id }, body: { planId: plans.find(({ code }) => code === "STARTER")?.id } });
  await tenant.waitForStatus(await tenant.start(workflowId), "SUCCESS");
});

test("TENANT_SUSPENDED, and the tenant runs again when it is active again", async () => {
  const tenant = await client.createTenant();
  const { workflowId } = await tenant.publish(actingGraph(tenant));
  const setStatus = (status: string) => client.admin.call("updateTenant", { params: { tenantId: tenant.id }, body: { status } });
  await setStatus("SUSPENDED");
  const { executionId } = (await tenant.agency.call("startExecution", { params: { workflowId }, body: {} })).body;
  await expectBlocked(tenant, executionId, "TENANT_SUSPENDED", /tenant is suspended/i);
  await setStatus("ACTIVE");
  await tenant.waitForStatus(await tenant.start(workflowId), "SUCCESS");
});

test("a plan that parks lets executions wait over the quota, in order; with a larger plan they run", async () => {
  const tenant = await client.createTenant();
  const { data: plans } = (await client.admin.call("listPlans")).body;
  const starter = plans.find(({ code }) => code === "STARTER");
  const created = await client.admin.call("createPlan", { body: { code: `PARKS_${Date.now()}`, name: "Parks", tierRank: 3, executionsPerMonth: 1, overQuota: "PARK", drainPerMinute: 600 } });
  expect(created.status).toBe(201);
  await client.admin.call("updateTenant", { params: { tenantId: tenant.id }, body: { planId: created.body.id } });
  const { workflowId } = await tenant.publish(chain(MANUAL, set("a")));
  await tenant.waitForStatus(await tenant.start(workflowId), "SUCCESS");
  const parked = [await tenant.start(workflowId), await tenant.start(workflowId)];
  for (const id of parked) expect((await tenant.waitForStatus(id, "WAITING")).reason).toBe("QUOTA");
  expect(await tenant.usage()).toMatchObject({ executions: { remaining: 0 }, concurrency: { running: 0 }, parked: { count: 2 } });
  await client.admin.call("updateTenant", { params: { tenantId: tenant.id }, body: { planId: starter?.id } });
  for (const id of parked) await tenant.waitForStatus(id, "SUCCESS");
  expect(await tenant.usage()).toMatchObject({ executions: { used: 3, reserved: 0 }, parked: { count: 0, calledOut: 0 } });
});

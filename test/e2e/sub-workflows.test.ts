import { createClient, type Tenant } from "@fluxo/test/support/client";
import { eventually } from "@fluxo/test/support/eventually";
import { chain, MANUAL, post, set } from "@fluxo/test/support/graphs";
import { afterAll, expect, inject, test } from "vitest";

const client = createClient({ ...inject("system") });
afterAll(() => client.close());

const CALLED = { id: "start", type: "trigger.workflow" };
const ERRORS = { id: "start", type: "trigger.error" };
const call = (workflowId: string, params = {}) => ({ id: "call", type: "workflow.execute", params: { workflowId, input: { n: "{{ trigger.n }}" }, ...params } });

/** The one execution of a workflow, as soon as it is there. */
function onlyExecution(tenant: Tenant, workflowId: string): Promise<string> {
  return eventually(async () => {
    const { data } = (await tenant.api.call("listExecutions", { query: { workflowId } })).body;
    expect(data).toHaveLength(1);
    return data[0]?.id ?? "";
  });
}

test("a workflow calls another, waits for it without a slot, and goes on with its results; each has a timeline of its own", async () => {
  const tenant = await client.createTenant("FREE");
  const path = `/echo/${tenant.id}/called`;
  const child = await tenant.publish(chain(CALLED, post("act", `${client.sinkUrl}${path}`), set("last", { twice: "{{ trigger.n }}{{ trigger.n }}" })));
  const parentId = await tenant.run(chain(MANUAL, call(child.workflowId), set("after", { came: "{{ call.results.last.twice }}" })), { n: 4 });
  expect((await tenant.waitForStatus(parentId, "SUCCESS")).output).toMatchObject({ results: { after: { came: "44" } } });
  const childId = await onlyExecution(tenant, child.workflowId);
  expect(await tenant.execution(childId)).toMatchObject({ status: "SUCCESS", input: { n: 4 }, parent: { executionId: parentId, nodeId: "call", item: 0 }, trigger: { kind: "workflow" } });
  expect((await tenant.execution(parentId)).parent).toBeNull();
  expect(await client.received(path)).toHaveLength(1);
  expect(await tenant.usage()).toMatchObject({ executions: { used: 2, reserved: 0 }, concurrency: { running: 0 } });
});

test("a canceled caller cancels what it waits for", async () => {
  const tenant = await client.createTenant();
  const child = await tenant.publish(chain(CALLED, { id: "pause", type: "delay", params: { for: { hours: 1 } } }));
  const parentId = await tenant.run(chain(MANUAL, call(child.workflowId)), { n: 1 });
  const childId = await onlyExecution(tenant, child.workflowId);
  await tenant.waitForStatus(childId, "WAITING");
  expect((await tenant.waitForStatus(parentId, "WAITING")).reason).toBe("CHILD");
  expect((await tenant.api.call("cancelExecution", { params: { executionId: parentId } })).body).toEqual({ status: "CANCELED" });
  expect(await tenant.execution(childId)).toMatchObject({ status: "CANCELED", error: { code: "EXECUTION_CANCELED" } });
});

test("a failure starts the error workflow once, with what failed", async () => {
  const tenant = await client.createTenant();
  const path = `/echo/${tenant.id}/told`;
  const errors = await tenant.publish(chain(ERRORS, { id: "tell", type: "http.request", params: { url: `${client.sinkUrl}${path}`, method: "POST", body: { failed: "{{ trigger.execution.id }}", code: "{{ trigger.execution.error.code }}" } } }));
  const fails = await tenant.publish(chain(MANUAL, { id: "no", type: "stop", params: { message: "No." } }));
  await tenant.api.call("updateWorkflow", { params: { workflowId: fails.workflowId }, body: { errorWorkflowId: errors.workflowId } });
  const failedId = await tenant.start(fails.workflowId);
  await tenant.waitForStatus(failedId, "FAILED");
  await tenant.waitForStatus(await onlyExecution(tenant, errors.workflowId), "SUCCESS");
  expect((await client.received(path)).map(({ body }) => JSON.parse(body) as unknown)).toEqual([{ failed: failedId, code: "STOPPED_BY_WORKFLOW" }]);
});

test("what waits in the queue longer than its workflow allows is blocked, although there is no slot for it", async () => {
  const tenant = await client.createTenant("FREE");
  const { workflowId } = await tenant.publish(chain(MANUAL, post("slow", `${client.sinkUrl}/slow/6000/${tenant.id}`)));
  const running = [await tenant.start(workflowId), await tenant.start(workflowId)];
  for (const id of running) await tenant.waitForStatus(id, "RUNNING");
  await tenant.api.call("updateWorkflow", { params: { workflowId }, body: { queuedTtlSeconds: 1 } });
  const late = await tenant.start(workflowId);
  expect(await tenant.waitForStatus(late, "BLOCKED")).toMatchObject({ reason: "QUEUE_TTL_EXPIRED" });
  for (const id of running) await tenant.waitForStatus(id, "SUCCESS");
});

import { chain, MANUAL, post, set } from "@fluxo/test/support/graphs";
import { createClient, type Tenant } from "@fluxo/test/support/client";
import { eventually } from "@fluxo/test/support/eventually";
import { afterAll, expect, inject, test } from "vitest";

const system = inject("system");
const client = createClient({ ...system });
afterAll(() => client.close());

const hanging = (path: string) => chain(MANUAL, post("call", `${system.sinkUrl}${path}`), post("after", `${system.sinkUrl}/echo${path}/after`));

async function cancel(tenant: Tenant, executionId: string): Promise<number> {
  return (await tenant.api.call("cancelExecution", { params: { executionId } })).status;
}

/** Waits until the provider has so many requests under the path. */
function waitForRequests(path: string, count: number): Promise<void> {
  return eventually(async () => expect(await client.received(path)).toHaveLength(count));
}

/** Less than a heartbeat, by which the worker would find out too. */
const SOON_MS = 8_000;

test("a running execution ends soon, its call to the provider is cut, and nothing behind it runs", async () => {
  const tenant = await client.createTenant();
  const path = `/hang/${tenant.id}`;
  const executionId = await tenant.run(hanging(path));
  await waitForRequests(path, 1);
  expect(await cancel(tenant, executionId)).toBe(202);
  const execution = await tenant.waitForStatus(executionId, "CANCELED");
  expect(Date.parse(execution.completedAt ?? "") - Date.parse(execution.cancelRequestedAt ?? "")).toBeLessThan(SOON_MS);
  await eventually(async () => {
    const [request] = await client.received(path);
    expect((request?.abortedAt ?? Number.POSITIVE_INFINITY) - Date.parse(execution.cancelRequestedAt ?? "")).toBeLessThan(SOON_MS);
  });
  expect(await client.received(`/echo${path}/after`)).toEqual([]);
  const { events, journal } = await tenant.timeline(executionId);
  expect(events.map(({ type }) => type)).toEqual(["queued", "started", "cancelRequested", "canceled"]);
  // The call never ended; what it had sent by then is recorded with it.
  expect(journal.map(({ nodeId, status }) => [nodeId, status])).toEqual([["start", "SUCCESS"], ["call", "RUNNING"]]);
  expect((await tenant.usage()).concurrency.running).toBe(0);
});

test("a queued execution ends at once and never runs", async () => {
  const tenant = await client.createTenant("FREE");
  const path = `/hang/${tenant.id}`;
  const { workflowId } = await tenant.publish(hanging(path));
  const running = await Promise.all([tenant.start(workflowId), tenant.start(workflowId)]);
  await waitForRequests(path, 2);
  const queued = await tenant.start(workflowId);
  expect((await tenant.execution(queued)).status).toBe("QUEUED");
  expect(await cancel(tenant, queued)).toBe(200);
  const ended = await tenant.execution(queued);
  expect(ended).toMatchObject({ status: "CANCELED", startedAt: null, error: { code: "EXECUTION_CANCELED" } });
  expect(ended.completedAt).not.toBeNull();
  for (const executionId of running) {
    await cancel(tenant, executionId);
    await tenant.waitForStatus(executionId, "CANCELED");
  }
  // Its event and the freed slots start nothing.
  await tenant.waitForStatus(await tenant.run(chain(MANUAL, set("a"))), "SUCCESS");
  expect(await client.received(path)).toHaveLength(2);
  expect((await tenant.execution(queued)).status).toBe("CANCELED");
});

test("a waiting execution ends at once; a second cancel changes nothing", async () => {
  const tenant = await client.createTenant();
  const executionId = await tenant.run(chain(MANUAL, { id: "pause", type: "delay", params: { durationMs: 3_600_000 } }, set("after")));
  await tenant.waitForStatus(executionId, "WAITING");
  expect(await cancel(tenant, executionId)).toBe(200);
  const ended = await tenant.execution(executionId);
  expect(ended).toMatchObject({ status: "CANCELED", reason: null, resumeAt: null });
  expect(await cancel(tenant, executionId)).toBe(200);
  expect(await tenant.execution(executionId)).toEqual(ended);
  expect((await tenant.usage()).executions).toMatchObject({ used: 1, reserved: 0 });
});

test("what ended otherwise cannot be canceled", async () => {
  const tenant = await client.createTenant();
  const succeeded = await tenant.run(chain(MANUAL, set("a")));
  const failed = await tenant.run(chain(MANUAL, { id: "halt", type: "stop", params: { message: "no" } }));
  const ended = [await tenant.waitForStatus(succeeded, "SUCCESS"), await tenant.waitForStatus(failed, "FAILED")];
  for (const before of ended) {
    const problem = await tenant.api.refusal("cancelExecution", { params: { executionId: before.id } });
    expect(problem).toMatchObject({ status: 409, code: "STATE_CONFLICT", detail: expect.stringContaining(before.status) });
    expect(await tenant.execution(before.id)).toMatchObject({ status: before.status, completedAt: before.completedAt, cancelRequestedAt: null });
  }
});

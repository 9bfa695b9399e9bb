import { chain, MANUAL, post, set } from "@fluxo/test/support/graphs";
import { createClient } from "@fluxo/test/support/client";
import { eventually } from "@fluxo/test/support/eventually";
import { afterAll, expect, inject, test } from "vitest";

const system = inject("system");
const client = createClient({ ...system });
afterAll(() => client.close());

test("an outage is made good: dry rerun, rerun from the failed node of one, bulk rerun of the others, nothing done twice", async () => {
  const tenant = await client.createTenant();
  const path = `/${tenant.id}`;
  const { workflowId } = await tenant.publish(
    chain(MANUAL, post("paid", `${system.sinkUrl}/echo${path}-paid`), post("down", `${system.sinkUrl}/flaky/4${path}-down`, { retry: { maxAttempts: 1 } }), set("last", { status: "{{ down.status }}" })),
  );
  const failed = await Promise.all(Array.from({ length: 4 }, () => tenant.start(workflowId)));
  for (const id of failed) await tenant.waitForStatus(id, "FAILED");
  const [first = "", ...others] = failed;

  const { id: dryRerunId } = (await tenant.api.call("createDryRerun", { params: { executionId: first }, body: {} })).body;
  await eventually(async () => {
    const { body } = await tenant.api.call("getDryRerun", { params: { dryRerunId } });
    expect(body).toMatchObject({ status: "DONE", result: { status: "FAILED", counts: { same: 3 } } });
  });

  const { executionId } = (await tenant.api.call("rerunExecution", { params: { executionId: first }, body: { from: "failedNode" } })).body;
  expect(await tenant.waitForStatus(executionId, "SUCCESS")).toMatchObject({ rerunOf: first });

  const bulk = { kind: "rerun", name: "After the outage", executionIds: others, options: { from: "failedNode" }, pacePerMinute: 6_000 };
  const { headers } = await tenant.api.call("createBulkOperation", { body: bulk });
  const bulkOperationId = headers.get("location")?.split("/").at(-1) ?? "";
  await eventually(async () => {
    const { body } = await tenant.api.call("getBulkOperation", { params: { bulkOperationId } });
    expect(body).toMatchObject({ status: "DONE", matched: 3, done: 3, skipped: 0, failed: 0 });
  });
  for (const id of others) {
    const { reruns } = (await tenant.api.call("getExecution", { params: { executionId: id } })).body;
    await tenant.waitForStatus(reruns.ids[0] ?? "", "SUCCESS");
  }
  expect(await client.received(`/echo${path}-paid`)).toHaveLength(4);
  expect(await client.received(`/flaky/4${path}-down`)).toHaveLength(8);
});

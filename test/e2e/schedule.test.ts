import { createClient, type Tenant } from "@fluxo/test/support/client";
import { eventually } from "@fluxo/test/support/eventually";
import { set } from "@fluxo/test/support/graphs";
import { afterAll, beforeAll, expect, inject, test } from "vitest";

const client = createClient({ ...inject("system") });
let tenant: Tenant;

beforeAll(async () => {
  tenant = await client.createTenant();
});
afterAll(() => client.close());

function scheduled(params: Record<string, unknown>) {
  return { nodes: [{ id: "clock", type: "trigger.schedule", params: JSON.parse(JSON.stringify(params)) }, set("copy", { at: "{{ trigger.scheduledAt }}" })], edges: [{ from: "clock", to: "copy" }] };
}

async function inputs(workflowId: string): Promise<{ key: string; reason: string }[]> {
  return client.sql("SELECT o.occurrence_key AS key, o.reason FROM occurrences o JOIN triggers t ON t.tenant_id = o.tenant_id AND t.id = o.trigger_id WHERE t.workflow_id = $1 ORDER BY 1", [workflowId]);
}

test("a published schedule starts executions at its instants, each once, and none while the workflow is off", async () => {
  const { workflowId } = await tenant.publish(scheduled({ when: { kind: "interval", everySeconds: 1 }, overlap: "allow" }));
  await eventually(async () => expect((await inputs(workflowId)).length).toBeGreaterThanOrEqual(3));
  await tenant.api.call("updateWorkflow", { params: { workflowId }, body: { isActive: false } });
  await eventually(async () => {
    expect(await client.sql("SELECT s.next_due_at FROM trigger_states s JOIN triggers t ON t.tenant_id = s.tenant_id AND t.id = s.trigger_id WHERE t.workflow_id = $1", [workflowId])).toEqual([{ next_due_at: null }]);
  });
  const seen = await inputs(workflowId);
  const instants = seen.map(({ key }) => Date.parse(key));
  expect(instants.every((at, index) => index === 0 || at - (instants[index - 1] ?? 0) === 1_000)).toBe(true);
  const [first] = (await tenant.api.call("listExecutions", { query: { workflowId } })).body.data.toReversed();
  const execution = await tenant.waitForStatus(first?.id ?? "", "SUCCESS");
  expect(execution).toMatchObject({ input: { scheduledAt: seen[0]?.key, timeZone: "UTC" }, output: { results: { copy: { at: seen[0]?.key } } } });
});

test("a schedule that cannot be is refused at publish, with the field", async () => {
  const { id } = (await tenant.api.call("createWorkflow", { body: { name: "Broken clock", graph: scheduled({ when: { kind: "cron", expression: "61 * * * *", timeZone: "Mars/Olympus" } }) } })).body;
  const problem = await tenant.api.refusal("publishWorkflow", { params: { workflowId: id } });
  expect(problem).toMatchObject({ status: 422, code: "GRAPH_INVALID" });
  expect(JSON.stringify(problem)).toContain("/nodes/0/params/when/expression");
  expect(JSON.stringify(problem)).toContain("/nodes/0/params/when/timeZone");
});

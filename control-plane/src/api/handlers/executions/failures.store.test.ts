import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestTenant } from "../../testing/callers.ts";
import { manualGraph } from "../../testing/graphs.ts";
import { startHarness, type Harness } from "../../testing/harness.ts";

let api: Harness;
let tenant: TestTenant;
let workflowId: string;
let executionId: string;

beforeAll(async () => {
  api = await startHarness();
  const agency = await api.createTestAgency("Northwind");
  tenant = await api.createTestTenant(agency, "Bakery");
  const workflow = await tenant.client.post("/v1/workflows", { name: "Fails", graph: manualGraph });
  workflowId = workflow.text("id");
  await tenant.client.post(`/v1/workflows/${workflowId}/publish`);
  executionId = (await tenant.client.post(`/v1/workflows/${workflowId}/executions`, {})).text("executionId");
  for (let item = 0; item < 5; item += 1) await fail(item, item % 2 === 0 ? "http.request" : "email.send", item % 2 === 0 ? "PROVIDER_FAILED" : "PROVIDER_REJECTED");
  await fail(9, "http.request", "PROVIDER_FAILED", true);
});
afterAll(() => api.stop());

/** A row of the journal as a worker writes it, of a node that failed so many minutes after the others' start. */
async function fail(item: number, type: string, code: string, isSeeded = false): Promise<void> {
  const at = new Date(Date.UTC(2026, 0, 1, 0, Math.floor(item / 2)));
  const failure = { nodeId: "send", name: "Send", type, integration: type === "http.request" ? "http" : "smtp", message: "It failed.", errorClass: "SERVER", code, occurredAt: at.toISOString(), attempt: 3 };
  await api.owner.query(
    `INSERT INTO node_executions (tenant_id, execution_id, node_id, item, position, node_type, node_name, integration, status, attempt, ports, failure, completed_at, epoch, is_seeded)
     VALUES ($1, $2, 'send', $3, 1, $4, 'Send', $5, 'FAILED', 3, '{}', $6, $7, 1, $8)`,
    [tenant.id, executionId, item, type, failure.integration, JSON.stringify(failure), at, isSeeded],
  );
}

const itemsOf = async (query: string): Promise<unknown> => {
  const page = await tenant.client.get(`/v1/failures?${query}`);
  expect(page.status).toBe(200);
  return (page.at("data") as { item: number }[]).map(({ item }) => item);
};

test("lists failed nodes, latest first, without those that a rerun took over", async () => {
  expect(await itemsOf("")).toEqual([4, 2, 3, 0, 1]);
  const first = await tenant.client.get("/v1/failures?limit=1");
  expect(first.at("data", 0)).toMatchObject({ executionId, workflowId, nodeId: "send", item: 4, attempts: 3, failedAt: "2026-01-01T00:02:00.000Z", failure: { code: "PROVIDER_FAILED", type: "http.request" } });
});

test("pages through failures of one moment too", async () => {
  const seen: unknown[] = [];
  let token = "";
  do {
    const page = await tenant.client.get(`/v1/failures?limit=1${token === "" ? "" : `&pageToken=${token}`}`);
    seen.push(page.at("data", 0, "item"));
    token = page.at("nextPageToken") === null ? "" : page.text("nextPageToken");
  } while (token !== "");
  expect(seen).toEqual([4, 2, 3, 0, 1]);
});

test("filters by type, integration, code, workflow and time", async () => {
  expect(await itemsOf("nodeType=email.send")).toEqual([3, 1]);
  expect(await itemsOf("integration=http")).toEqual([4, 2, 0]);
  expect(await itemsOf("code=PROVIDER_REJECTED")).toEqual([3, 1]);
  expect(await itemsOf(`workflowId=${workflowId}&code=PROVIDER_FAILED`)).toEqual([4, 2, 0]);
  expect(await itemsOf(`workflowId=${executionId}`)).toEqual([]);
  expect(await itemsOf("from=2026-01-01T00:01:00Z&to=2026-01-01T00:02:00Z")).toEqual([2, 3]);
});

test("executions are found by the code that they ended with", async () => {
  await tenant.client.post(`/v1/executions/${executionId}/cancel`);
  const found = await tenant.client.get("/v1/executions?errorCode=EXECUTION_CANCELED&fields=id");
  expect(found.at("data")).toEqual([{ id: executionId }]);
  expect((await tenant.client.get("/v1/executions?errorCode=NODE_INTERNAL")).at("data")).toEqual([]);
});

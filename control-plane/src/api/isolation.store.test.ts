import { ROUTES } from "@fluxo/contracts/http/routes";
import type { RouteDefinition } from "@fluxo/contracts/http/route";
import { openOutage } from "@fluxo/prisma/breakers/outages";
import { createFileStore } from "@fluxo/prisma/files/file-store";
import { uuidV7 } from "@fluxo/prisma/ids";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { manualGraph, webhookGraph } from "./testing/graphs.ts";
import { startHarness, type Harness, type TestTenant } from "./testing/harness.ts";

/** Invariant I6, generated from the route table: no route tells or changes anything of another tenant. */
const routes = Object.values(ROUTES) as readonly RouteDefinition[];
const ofTenants = routes.filter(({ subject, params }) => (subject === "tenant" || subject === "pathTenant") && params !== undefined);
const lists = routes.filter(({ method, subject, params }) => method === "get" && (subject === "tenant" || subject === "tenants") && params === undefined);

/** Bodies that pass the schema, so that only the tenant can be the reason of a refusal. */
const bodies: Readonly<Record<string, unknown>> = {
  updateWorkflow: { name: "Mine now" },
  replaceDraft: { graph: manualGraph },
  rollbackWorkflow: { number: 1 },
  validateWorkflow: {},
  rotateTriggerSecret: {},
  backfillTrigger: { from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z" },
  startExecution: { input: {} },
  replacePins: { pins: {} },
  rerunExecution: { from: "start" },
  createDryRerun: {},
  updateCredential: { name: "Mine now" },
};

let api: Harness;
let stranger: TestTenant;
let victim: TestTenant;
let ids: Readonly<Record<string, string>>;

beforeAll(async () => {
  api = await startHarness();
  const agency = await api.createTestAgency("Northwind");
  stranger = await api.createTestTenant(agency, "A");
  victim = await api.createTestTenant(agency, "B");
  const manual = await victim.client.post("/v1/workflows", { name: "Secret plans", graph: manualGraph });
  await victim.client.post(`/v1/workflows/${manual.text("id")}/publish`);
  const hook = await victim.client.post("/v1/workflows", { name: "Hook", graph: webhookGraph({ mode: "standard" }) });
  const published = await victim.client.post(`/v1/workflows/${hook.text("id")}/publish`);
  const started = await victim.client.post(`/v1/workflows/${manual.text("id")}/executions`, { input: { secret: "victim" } });
  const file = await createFileStore(api.pool, uuidV7).save({ tenantId: victim.id, executionId: started.text("executionId"), nodeId: "make", item: 0 }, { name: "secret.txt", mediaType: "text/plain", content: Buffer.from("victim") });
  if (file.kind !== "saved") throw new Error(file.kind);
  const credential = await victim.client.post("/v1/credentials", { name: "Shop", kind: "bearer", fields: { hosts: ["api.example.com"], token: "token-of-b" } });
  const outageId = uuidV7.next();
  await openOutage(api.pool, { tenantId: victim.id, id: outageId, credentialId: null, host: "secret.example.com", integration: "http", nextProbeAt: new Date(), errorClass: "SERVER", code: "PROVIDER_FAILED" });
  const bulk = await victim.client.post("/v1/bulk-operations", { kind: "cancel", name: "Stop", executionIds: [started.text("executionId")], pacePerMinute: 1 });
  const ended = await victim.client.post(`/v1/workflows/${manual.text("id")}/executions`, { input: { secret: "victim" } });
  await victim.client.post(`/v1/executions/${ended.text("executionId")}/cancel`);
  const dryRerun = await victim.client.post(`/v1/executions/${ended.text("executionId")}/dry-rerun`, {});
  ids = { backfillId: uuidV7.next(), dryRerunId: dryRerun.text("id"), outageId, bulkOperationId: bulk.text("id"), credentialId: credential.text("id"), tenantId: victim.id, workflowId: manual.text("id"), nodeId: "greet", number: "1", triggerId: published.text("triggers", 0, "id"), key: "uid:1", executionId: started.text("executionId"), fileId: file.file.fileId };
});
afterAll(() => api.stop());

function pathOf(route: RouteDefinition): string {
  return route.path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => {
    const id = ids[name];
    if (id === undefined) throw new Error(`The test does not know a ${name} of tenant B.`);
    return id;
  });
}

describe("the key of tenant A on the ids of tenant B", () => {
  test.each(ofTenants.map((route) => [route.operationId, route] as const))("%s: 404", async (operationId, route) => {
    const body = bodies[operationId];
    const before = await snapshot();
    const refused = await stranger.client.send(route.method.toUpperCase(), pathOf(route), body === undefined ? {} : { body });
    expect([refused.status, refused.at("code")]).toEqual([404, "NOT_FOUND"]);
    expect(await snapshot()).toEqual(before);
    const named = await stranger.client.forTenant(victim.id).send(route.method.toUpperCase(), pathOf(route), body === undefined ? {} : { body });
    expect(named.status).toBe(404);
  });

  test.each(lists.map((route) => [route.operationId, route] as const))("%s: nothing of B", async (_operationId, route) => {
    const listed = await stranger.client.get(route.path);
    expect([listed.status, listed.at("data")]).toEqual([200, []]);
    const filtered = await stranger.client.get(route.operationId === "listExecutions" ? `${route.path}?workflowId=${ids["workflowId"] ?? ""}` : route.path);
    expect(filtered.at("data")).toEqual([]);
  });
});

/** Everything of B that a route could change. */
async function snapshot(): Promise<unknown> {
  const workflow = `/v1/workflows/${ids["workflowId"] ?? ""}`;
  const paths = ["/v1/workflows", workflow, `${workflow}/draft`, `${workflow}/pins`, `${workflow}/versions`, `${workflow}/triggers`, "/v1/executions", "/v1/credentials"];
  return Promise.all(paths.map(async (path) => (await victim.client.get(path)).body));
}

test("the table of this test covers the routes", () => {
  expect(ofTenants.length).toBeGreaterThanOrEqual(15);
  expect(lists.map(({ operationId }) => operationId)).toEqual(["listWorkflows", "listOwnInstallations", "listTenantTriggers", "listCredentials", "listExecutions", "listBulkOperations", "listOutages"]);
});

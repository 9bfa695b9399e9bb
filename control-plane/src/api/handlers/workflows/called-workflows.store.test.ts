import { uuidV7 } from "@fluxo/prisma/ids";
import { afterAll, beforeAll, expect, test } from "vitest";
import { manualGraph } from "../../testing/graphs.ts";
import { startHarness, type Harness, type TestAgency, type TestTenant } from "../../testing/harness.ts";

let api: Harness;
let agency: TestAgency;
let tenant: TestTenant;
let other: TestTenant;

beforeAll(async () => {
  api = await startHarness();
  agency = await api.createTestAgency("Northwind");
  tenant = await api.createTestTenant(agency, "Bakery");
  other = await api.createTestTenant(agency, "Florist");
});
afterAll(() => api.stop());

const graphOf = (type: string) => ({ nodes: [{ id: "start", type }], edges: [] });
const calling = (workflowId: string, trigger = "trigger.manual") => ({
  nodes: [{ id: "start", type: trigger }, { id: "call", type: "workflow.execute", params: { workflowId } }],
  edges: [{ from: "start", to: "call" }],
});

let count = 0;
async function create(graph: unknown, owner = tenant): Promise<string> {
  count += 1;
  return (await owner.client.post("/v1/workflows", { name: `Workflow ${count}`, graph })).text("id");
}

async function published(graph: unknown, owner = tenant): Promise<string> {
  const id = await create(graph, owner);
  expect((await owner.client.post(`/v1/workflows/${id}/publish`)).status).toBe(201);
  return id;
}

test("publishing makes triggers of calls and of failures, without address or secret", async () => {
  const id = await create({ nodes: [{ id: "called", type: "trigger.workflow" }, { id: "failed", type: "trigger.error" }], edges: [] });
  const answer = await tenant.client.post(`/v1/workflows/${id}/publish`);
  expect(answer.at("triggers")).toMatchObject([
    { nodeId: "called", kind: "workflow", hookUrl: null, hasSecret: false, isEnabled: true },
    { nodeId: "failed", kind: "error", hookUrl: null, hasSecret: false, isEnabled: true },
  ]);
});

test("a graph calls workflows of its own tenant that can be called, or may become so; validation says the same", async () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    [await published(graphOf("trigger.workflow")), undefined],
    [await create(graphOf("trigger.manual")), undefined],
    [await published(manualGraph), "has no trigger.workflow node"],
    [await published(graphOf("trigger.workflow"), other), "no workflow with this id"],
    [uuidV7.next(), "no workflow with this id"],
    ["{{ trigger.workflow }}", "a template cannot make one"],
  ];
  for (const [target, problem] of cases) {
    const id = await create(calling(target));
    const validation = await tenant.client.post(`/v1/workflows/${id}/validate`);
    const answer = await tenant.client.post(`/v1/workflows/${id}/publish`);
    if (problem === undefined) {
      expect([validation.at("issues"), answer.status]).toEqual([[], 201]);
    } else {
      expect([answer.status, answer.at("code")]).toEqual([422, "GRAPH_INVALID"]);
      expect(answer.at("issues")).toEqual([{ code: "CHILD_UNAVAILABLE", nodeId: "call", path: "/nodes/1/params/workflowId", message: expect.stringContaining(problem) }]);
      expect(validation.at("issues")).toEqual(answer.at("issues"));
    }
  }
});

test("a workflow may call itself when the graph to be published can be called", async () => {
  const id = await create({ nodes: [], edges: [] });
  await tenant.client.put(`/v1/workflows/${id}/draft`, { graph: calling(id) });
  expect((await tenant.client.post(`/v1/workflows/${id}/publish`)).at("issues", 0, "code")).toBe("CHILD_UNAVAILABLE");
  await tenant.client.put(`/v1/workflows/${id}/draft`, { graph: calling(id, "trigger.workflow") });
  expect((await tenant.client.post(`/v1/workflows/${id}/publish`)).status).toBe(201);
});

test("error workflow and time in the queue are settings of a workflow", async () => {
  const [id, errors] = [await published(manualGraph), await published(graphOf("trigger.error"))];
  const path = `/v1/workflows/${id}`;
  expect((await tenant.client.get(path)).body).toMatchObject({ errorWorkflowId: null, queuedTtlSeconds: null });
  expect((await tenant.client.patch(path, { errorWorkflowId: errors, queuedTtlSeconds: 900 })).body).toMatchObject({ errorWorkflowId: errors, queuedTtlSeconds: 900 });
  expect((await tenant.client.patch(path, { name: "Renamed" })).body).toMatchObject({ name: "Renamed", errorWorkflowId: errors, queuedTtlSeconds: 900 });
  expect((await tenant.client.patch(path, { errorWorkflowId: null, queuedTtlSeconds: null })).body).toMatchObject({ errorWorkflowId: null, queuedTtlSeconds: null });
  for (const [body, field] of [[{ queuedTtlSeconds: 0 }, "queuedTtlSeconds"], [{ queuedTtlSeconds: 31_622_401 }, "queuedTtlSeconds"], [{ queuedTtlSeconds: 1.5 }, "queuedTtlSeconds"], [{ errorWorkflowId: "x" }, "errorWorkflowId"]] as const) {
    const refused = await tenant.client.patch(path, body);
    expect([refused.status, refused.at("code"), refused.at("issues", 0, "path")]).toEqual([400, "VALIDATION_FAILED", `/body/${field}`]);
  }
});

test("an error workflow must be the tenant's own, and start with failures: for a workflow, a tenant and an agency", async () => {
  const [id, good, unsuitable, unpublished] = [await published(manualGraph), await published(graphOf("trigger.error")), await published(manualGraph), await create(graphOf("trigger.error"))];
  const foreign = await published(graphOf("trigger.error"), other);
  const stranger = await api.createTestAgency("Contoso");
  const settings: readonly (readonly [(workflowId: string | null) => Promise<{ status: number; at: (...path: (string | number)[]) => unknown }>, string])[] = [
    [(errorWorkflowId) => tenant.client.patch(`/v1/workflows/${id}`, { errorWorkflowId }), "/body/errorWorkflowId"],
    [(errorWorkflowId) => agency.client.patch(`/v1/tenants/${tenant.id}`, { errorWorkflowId }), "/body/errorWorkflowId"],
    [(workflowId) => agency.client.patch("/v1/agency", { errorWorkflow: workflowId === null ? null : { tenantId: tenant.id, workflowId } }), "/body/errorWorkflow/workflowId"],
  ];
  for (const [change, path] of settings) {
    for (const workflowId of [unsuitable, unpublished, foreign, uuidV7.next()]) {
      const refused = await change(workflowId);
      expect([refused.status, refused.at("code"), refused.at("issues", 0, "path")]).toEqual([400, "VALIDATION_FAILED", path]);
    }
    expect((await change(good)).status).toBe(200);
  }
  expect((await agency.client.get("/v1/agency")).body).toMatchObject({ id: agency.id, name: "Northwind", errorWorkflow: { tenantId: tenant.id, workflowId: good } });
  expect((await agency.client.get(`/v1/tenants/${tenant.id}`)).at("errorWorkflowId")).toBe(good);
  expect((await stranger.client.get("/v1/agency")).at("errorWorkflow")).toBeNull();
  const taken = await stranger.client.patch("/v1/agency", { errorWorkflow: { tenantId: tenant.id, workflowId: good } });
  expect([taken.status, taken.at("issues", 0, "path")]).toEqual([400, "/body/errorWorkflow/tenantId"]);
  expect((await tenant.client.get("/v1/agency")).status, "keys of a tenant have no business with it").toBe(403);
  for (const [change] of settings) expect((await change(null)).status).toBe(200);
  expect((await agency.client.get("/v1/agency")).at("errorWorkflow")).toBeNull();
});

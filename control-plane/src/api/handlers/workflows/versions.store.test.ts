import { afterAll, beforeAll, expect, test } from "vitest";
import { manualGraph, webhookGraph } from "../../testing/graphs.ts";
import { startHarness, type Harness, type TestTenant } from "../../testing/harness.ts";

let api: Harness;
let tenant: TestTenant;
let stranger: TestTenant;

beforeAll(async () => {
  api = await startHarness();
  const agency = await api.createTestAgency("Northwind");
  tenant = await api.createTestTenant(agency, "Bakery");
  stranger = await api.createTestTenant(agency, "Florist");
});
afterAll(() => api.stop());

const greeting = (text: string) => ({ ...manualGraph, nodes: [{ id: "start", type: "trigger.manual" }, { id: "greet", type: "set", name: "Greet", params: { fields: { text } } }] });

let count = 0;
/** A workflow with a published version per graph. */
async function createWorkflow(...graphs: readonly object[]): Promise<string> {
  count += 1;
  const id = (await tenant.client.post("/v1/workflows", { name: `Workflow ${count}` })).text("id");
  for (const graph of graphs) {
    await tenant.client.put(`/v1/workflows/${id}/draft`, { graph });
    expect((await tenant.client.post(`/v1/workflows/${id}/publish`)).status).toBe(201);
  }
  return id;
}

test("compares versions with each other and with the draft", async () => {
  const id = await createWorkflow(greeting("one"), greeting("two"));
  await tenant.client.put(`/v1/workflows/${id}/draft`, { graph: webhookGraph({ mode: "none" }) });
  const versions = await tenant.client.get(`/v1/workflows/${id}/diff?from=1&to=2`);
  expect(versions.body).toMatchObject({
    from: { kind: "version", number: 1 },
    to: { kind: "version", number: 2 },
    isSame: false,
    nodes: { added: [], removed: [], changed: [{ id: "greet", changes: [{ op: "replace", path: "/params/fields/text", from: "one", to: "two" }] }] },
    edges: { added: [], removed: [] },
    triggers: [],
  });
  const draft = await tenant.client.get(`/v1/workflows/${id}/diff`);
  expect(draft.body).toMatchObject({
    from: { kind: "version", number: 2 },
    to: { kind: "draft", revision: 4, number: null },
    edges: { added: [], removed: [{ from: "start", port: "main", to: "greet" }] },
    triggers: [
      { nodeId: "hook", type: "trigger.webhook", change: "added" },
      { nodeId: "start", type: "trigger.manual", change: "removed" },
    ],
  });
  expect((await tenant.client.get(`/v1/workflows/${id}/diff?from=2&to=published`)).at("isSame")).toBe(true);
});

test("refuses to compare what is not there, or what cannot be compared", async () => {
  const id = await createWorkflow();
  const answer = async (query: string) => {
    const compared = await tenant.client.get(`/v1/workflows/${id}/diff?${query}`);
    return [compared.status, compared.at("code")];
  };
  expect(await answer("")).toEqual([409, "WORKFLOW_NOT_PUBLISHED"]);
  expect(await answer("from=1")).toEqual([404, "NOT_FOUND"]);
  expect(await answer("from=latest")).toEqual([400, "VALIDATION_FAILED"]);
  await tenant.client.put(`/v1/workflows/${id}/draft`, { graph: { nodes: [{ id: "a", type: "set" }, { id: "a", type: "set" }], edges: [] } });
  expect(await answer("from=draft&to=draft")).toEqual([422, "GRAPH_INVALID"]);
  expect((await stranger.client.get(`/v1/workflows/${id}/diff?from=draft`)).status).toBe(404);
});

test("goes back to an earlier version with its triggers, and leaves the draft alone", async () => {
  const id = await createWorkflow(webhookGraph({ mode: "standard" }), greeting("two"));
  const before = await tenant.client.get(`/v1/workflows/${id}/triggers`);
  const hook = (before.at("data") as { nodeId: string; id: string; isEnabled: boolean; hookUrl: string }[]).find(({ nodeId }) => nodeId === "hook");
  expect(hook?.isEnabled).toBe(false);
  const back = await tenant.client.post(`/v1/workflows/${id}/rollback`, { number: 1 });
  expect(back.status).toBe(200);
  expect(back.body).toMatchObject({ isNew: false, version: { number: 1 }, triggers: [{ id: hook?.id, nodeId: "hook", isEnabled: true, hookUrl: hook?.hookUrl }] });
  expect(back.at("triggers", 0, "secret")).toBeUndefined();
  expect((await tenant.client.get(`/v1/workflows/${id}`)).body).toMatchObject({ publishedVersion: { number: 1 }, isActive: true, draftRevision: 3 });
  expect((await tenant.client.get(`/v1/workflows/${id}/draft`)).at("graph", "nodes", 0, "id")).toBe("start");
  expect((await tenant.client.get(`/v1/workflows/${id}/versions`)).at("data", 1)).toMatchObject({ number: 1 });
  expect((await tenant.client.post(`/v1/workflows/${id}/rollback`, { number: 3 })).status).toBe(404);
  expect((await stranger.client.post(`/v1/workflows/${id}/rollback`, { number: 1 })).status).toBe(404);
});

test("checks an earlier version as publishing does: what it named may be gone", async () => {
  const credential = await tenant.client.post("/v1/credentials", { name: "Key", kind: "bearer", fields: { hosts: ["api.example.com"], token: "canary-token" } });
  const calling = {
    nodes: [
      { id: "start", type: "trigger.manual" },
      { id: "call", type: "http.request", params: { method: "GET", url: "https://api.example.com/", credential: credential.at("id") } },
    ],
    edges: [{ from: "start", to: "call" }],
  };
  expect(credential.status, JSON.stringify(credential.body)).toBe(201);
  const id = await createWorkflow(calling, manualGraph);
  expect((await tenant.client.delete(`/v1/credentials/${credential.text("id")}`)).status).toBe(204);
  const back = await tenant.client.post(`/v1/workflows/${id}/rollback`, { number: 1 });
  expect([back.status, back.at("code"), back.at("issues", 0, "code")]).toEqual([422, "GRAPH_INVALID", "CREDENTIAL_UNKNOWN"]);
  expect((await tenant.client.get(`/v1/workflows/${id}`)).at("publishedVersion", "number")).toBe(2);
});

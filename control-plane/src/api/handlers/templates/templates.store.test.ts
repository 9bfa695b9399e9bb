import { afterAll, beforeAll, expect, test } from "vitest";
import { PLANS, startHarness, type Harness, type TestAgency, type TestTenant } from "../../testing/harness.ts";
import { createTemplate, greetingVersion, installed } from "../../testing/templates.ts";

let api: Harness;
let agency: TestAgency;
let stranger: TestAgency;

beforeAll(async () => {
  api = await startHarness();
  agency = await api.createTestAgency("Northwind");
  stranger = await api.createTestAgency("Southwind");
});
afterAll(() => api.stop());

let names = 0;
const createTenant = (planId?: string): Promise<TestTenant> => api.createTestTenant(agency, `Tenant ${(names += 1)}`, planId);
const text = (graph: unknown): unknown => (graph as { nodes: { id: string; params: { fields?: { text?: unknown } } }[] }).nodes.find(({ id }) => id === "greet")?.params.fields?.text;

/** Publishes what the change makes of the tenant's draft. */
async function edit(tenant: TestTenant, workflowId: string, change: (text: string) => string) {
  const draft = await tenant.client.get(`/v1/workflows/${workflowId}/draft`);
  const graph = JSON.parse(change(JSON.stringify(draft.at("graph"))));
  expect((await tenant.client.put(`/v1/workflows/${workflowId}/draft`, { graph })).status).toBe(200);
  return tenant.client.post(`/v1/workflows/${workflowId}/publish`);
}

test("keeps templates and their versions: named once, numbered, unchangeable", async () => {
  const created = await agency.client.post("/v1/templates", { name: "Greeting", description: "Says hello." });
  expect([created.status, created.body]).toEqual([201, expect.objectContaining({ name: "Greeting", description: "Says hello.", latestNumber: null })]);
  const id = created.text("id");
  const path = `/v1/templates/${id}`;
  expect((await agency.client.post("/v1/templates", { name: "Greeting" })).at("code")).toBe("NAME_TAKEN");
  const first = await agency.client.post(`${path}/versions`, greetingVersion());
  expect([first.status, first.at("number"), first.headers.get("location")]).toEqual([201, 1, `${path}/versions/1`]);
  expect((await agency.client.post(`${path}/versions`, greetingVersion())).status).toBe(200);
  const second = await agency.client.post(`${path}/versions`, greetingVersion("Good day"));
  expect(second.at("number")).toBe(2);
  expect((await agency.client.get(`${path}/versions/1`)).body).toMatchObject({ number: 1, graph: greetingVersion().graph, parameters: [{ name: "shop" }, { name: "count", default: 3 }] });
  expect((await agency.client.get(`${path}/versions?limit=1`)).body).toMatchObject({ data: [{ number: 2 }], nextPageToken: expect.any(String) });
  expect((await agency.client.patch(path, { name: "Greeting card" })).body).toMatchObject({ name: "Greeting card", latestNumber: 2 });
  await expect(api.system.query("UPDATE template_versions SET note = 'x'")).rejects.toThrow(/permission denied/);
  for (const [method, address] of [["GET", path], ["GET", `${path}/versions`], ["GET", `${path}/versions/1`], ["PATCH", path], ["GET", `${path}/installations`]] as const) {
    expect((await stranger.client.send(method, address, method === "PATCH" ? { body: { name: "Mine" } } : {})).status, address).toBe(404);
  }
  expect((await (await createTenant()).client.get("/v1/templates")).at("code")).toBe("SCOPE_MISSING");
});

test("judges a version before any tenant has it", async () => {
  const id = await createTemplate(agency);
  const refuse = async (version: object) => {
    const answer = await agency.client.post(`/v1/templates/${id}/versions`, version);
    return [answer.status, answer.at("code"), answer.at("issues", 0, "path")];
  };
  const { graph, parameters } = greetingVersion();
  expect(await refuse({ graph })).toEqual([422, "GRAPH_INVALID", "/nodes/1/params/fields/text/$text/1"]);
  expect(await refuse({ graph, parameters: [...parameters, { ...parameters[0] }] })).toEqual([400, "VALIDATION_FAILED", "/body/parameters/2/name"]);
  expect(await refuse({ graph: { ...graph, edges: [{ from: "start", to: "nobody" }] }, parameters })).toEqual([422, "GRAPH_INVALID", "/edges/0/to"]);
  expect(await refuse({ graph, parameters, locks: [{ nodeId: "greet", path: "/params/nothing" }] })).toEqual([400, "VALIDATION_FAILED", "/body/locks/0"]);
  const calling = { nodes: [{ id: "start", type: "trigger.manual" }, { id: "call", type: "http.request", params: { method: "GET", url: "https://api.example.com/", credential: "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b" } }], edges: [{ from: "start", to: "call" }] };
  expect(await refuse({ graph: calling })).toEqual([422, "GRAPH_INVALID", "/nodes/1/params/credential"]);
});

test("gives a tenant a workflow of its own, with its parameters filled in", async () => {
  const id = await createTemplate(agency, greetingVersion());
  const tenant = await createTenant();
  const { workflowId, answer } = await installed(agency, id, tenant, { shop: "Bakery" });
  expect(answer.body).toMatchObject({ installation: { tenantId: tenant.id, versionNumber: 1, parameters: { shop: "Bakery", count: 3 }, overrides: [], refusal: null, hasPrevious: false }, published: { version: { number: 1 } } });
  const workflow = await tenant.client.get(`/v1/workflows/${workflowId}`);
  expect(workflow.body).toMatchObject({ isActive: true, publishedVersion: { number: 1 } });
  expect(text((await tenant.client.get(`/v1/workflows/${workflowId}/draft`)).at("graph"))).toBe("Hello from Bakery, {{ trigger.name }}");
  expect((await tenant.client.get("/v1/template-installations")).at("data")).toEqual([answer.at("installation")]);
  expect((await tenant.client.post(`/v1/workflows/${workflowId}/executions`, { input: {} })).status).toBe(202);
  const again = await agency.client.post(`/v1/templates/${id}/installations`, { tenantId: tenant.id, parameters: { shop: "Bakery" } });
  expect([again.status, again.at("code")]).toEqual([409, "STATE_CONFLICT"]);
});

test("refuses values that are missing or do not fit, tenants of others, and graphs that the plan does not take; then the tenant has nothing", async () => {
  const id = await createTemplate(agency, greetingVersion());
  const tenant = await createTenant();
  const install = async (body: object) => {
    const answer = await agency.client.post(`/v1/templates/${id}/installations`, { tenantId: tenant.id, ...body });
    return [answer.status, answer.at("code"), answer.at("issues", 0, "path")];
  };
  expect(await install({})).toEqual([400, "VALIDATION_FAILED", "/body/parameters/shop"]);
  expect(await install({ parameters: { shop: "{{ execution.id }}" } })).toEqual([400, "VALIDATION_FAILED", "/body/parameters/shop"]);
  expect(await install({ parameters: { shop: "Bakery" }, number: 2 })).toEqual([404, "NOT_FOUND", undefined]);
  const foreign = await api.createTestTenant(stranger, "Foreign");
  expect(await install({ tenantId: foreign.id, parameters: { shop: "x" } })).toEqual([404, "NOT_FOUND", undefined]);
  const large = await createTemplate(agency, { graph: { nodes: [{ id: "start", type: "trigger.manual" }, ...Array.from({ length: 11 }, (_, index) => ({ id: `n${index}`, type: "set", params: { fields: {} } }))], edges: Array.from({ length: 11 }, (_, index) => ({ from: "start", to: `n${index}` })) } });
  const free = await createTenant(PLANS.FREE);
  const tooLarge = await agency.client.post(`/v1/templates/${large}/installations`, { tenantId: free.id });
  expect([tooLarge.status, tooLarge.at("code")]).toEqual([409, "TOO_MANY_NODES"]);
  expect((await free.client.get("/v1/workflows")).at("data")).toEqual([]);
  expect((await tenant.client.get("/v1/workflows")).at("data")).toEqual([]);
});

test("a new version keeps what the tenant changed, and going back leads to where it was", async () => {
  const id = await createTemplate(agency, greetingVersion());
  const tenant = await createTenant();
  const { workflowId } = await installed(agency, id, tenant, { shop: "Bakery" });
  expect((await edit(tenant, workflowId, (graph) => graph.replace('"name":"Greet"', '"name":"Our greeting"'))).status).toBe(201);
  const installation = `/v1/templates/${id}/installations/${tenant.id}`;
  expect((await agency.client.get(installation)).at("overrides")).toEqual([{ op: "replace", path: "/nodes/greet/name", from: "Greet", to: "Our greeting" }]);
  await agency.client.post(`/v1/templates/${id}/versions`, greetingVersion("Good day"));
  const before = await tenant.client.get(`/v1/workflows/${workflowId}/draft`);
  const moved = await agency.client.post(`${installation}/move`, { number: 2, parameters: { count: 5 } });
  expect([moved.status, moved.at("installation")]).toEqual([200, expect.objectContaining({ versionNumber: 2, hasPrevious: true, parameters: { shop: "Bakery", count: 5 } })]);
  const draft = await tenant.client.get(`/v1/workflows/${workflowId}/draft`);
  expect(text(draft.at("graph"))).toBe("Good day from Bakery, {{ trigger.name }}");
  expect(JSON.stringify(draft.at("graph"))).toContain("Our greeting");
  expect((await tenant.client.put(`/v1/workflows/${workflowId}/draft`, { graph: before.at("graph") }, { "if-match": before.headers.get("etag") ?? "" })).status).toBe(412);
  const back = await agency.client.post(`${installation}/rollback`);
  expect([back.status, back.at("installation", "versionNumber"), back.at("installation", "parameters")]).toEqual([200, 1, { shop: "Bakery", count: 3 }]);
  expect(back.at("published", "version", "number")).toBe(2);
  expect((await tenant.client.get(`/v1/workflows/${workflowId}/draft`)).at("graph") as object).toMatchObject({ nodes: [{ id: "greet", name: "Our greeting" }, { id: "start" }] });
  expect((await tenant.client.get(`/v1/workflows/${workflowId}/diff`)).at("isSame")).toBe(true);
});

test("contradictions are listed, and nothing is changed until somebody decides", async () => {
  const id = await createTemplate(agency, greetingVersion());
  const tenant = await createTenant();
  const { workflowId } = await installed(agency, id, tenant, { shop: "Bakery" });
  await edit(tenant, workflowId, (graph) => graph.replace("Hello from Bakery", "Hi from us"));
  await agency.client.post(`/v1/templates/${id}/versions`, greetingVersion("Good day"));
  const installation = `/v1/templates/${id}/installations/${tenant.id}`;
  const refused = await agency.client.post(`${installation}/move`, { number: 2 });
  expect([refused.status, refused.at("code"), refused.at("issues", 0, "path")]).toEqual([409, "TEMPLATE_CONFLICT", "/nodes/greet/params/fields/text"]);
  const conflict = { path: "/nodes/greet/params/fields/text", isLocked: false, base: "Hello from Bakery, {{ trigger.name }}", tenant: "Hi from us, {{ trigger.name }}", template: "Good day from Bakery, {{ trigger.name }}" };
  const skew = await agency.client.get(`/v1/templates/${id}/installations?behind=true&refused=true&overridden=true`);
  expect(skew.body).toMatchObject({ data: [{ tenantId: tenant.id, tenantName: expect.any(String), versionNumber: 1, refusal: { versionNumber: 2, code: "TEMPLATE_CONFLICT", conflicts: [conflict] } }], versions: [{ number: 1, tenants: 1 }] });
  expect((await tenant.client.get(`/v1/workflows/${workflowId}`)).at("publishedVersion", "number")).toBe(2);
  const kept = await agency.client.post(`${installation}/move`, { number: 2, onConflict: "keepTenant" });
  expect([kept.status, kept.at("decided"), kept.at("installation", "refusal")]).toEqual([200, [conflict], null]);
  expect(text((await tenant.client.get(`/v1/workflows/${workflowId}/draft`)).at("graph"))).toBe("Hi from us, {{ trigger.name }}");
  expect((await agency.client.get(`/v1/templates/${id}/installations?behind=true`)).at("data")).toEqual([]);
  expect((await agency.client.get(`/v1/templates/${id}/installations?behind=false`)).at("data", 0, "tenantId")).toBe(tenant.id);
  expect((await agency.client.post(`${installation}/move`, { number: 1, onConflict: "takeTemplate" })).status).toBe(200);
  expect(text((await tenant.client.get(`/v1/workflows/${workflowId}/draft`)).at("graph"))).toBe("Hello from Bakery, {{ trigger.name }}");
});

test("unpublished work of the tenant is brought along, and a workflow that is off stays off", async () => {
  const id = await createTemplate(agency, greetingVersion());
  const tenant = await createTenant();
  const { workflowId } = await installed(agency, id, tenant, { shop: "Bakery" });
  const draft = await tenant.client.get(`/v1/workflows/${workflowId}/draft`);
  await tenant.client.put(`/v1/workflows/${workflowId}/draft`, { graph: JSON.parse(JSON.stringify(draft.at("graph")).replace('"name":"Greet"', '"name":"Unpublished"')) });
  await tenant.client.patch(`/v1/workflows/${workflowId}`, { isActive: false });
  await agency.client.post(`/v1/templates/${id}/versions`, greetingVersion("Good day"));
  expect((await agency.client.post(`/v1/templates/${id}/installations/${tenant.id}/move`, { number: 2 })).at("installation", "overrides")).toEqual([]);
  const after = JSON.stringify((await tenant.client.get(`/v1/workflows/${workflowId}/draft`)).at("graph"));
  expect([after.includes("Good day"), after.includes("Unpublished")]).toEqual([true, true]);
  expect((await tenant.client.get(`/v1/workflows/${workflowId}`)).body).toMatchObject({ isActive: false, publishedVersion: { number: 2 } });
});

test("a tenant leaves locked parts as they are; the template may change them", async () => {
  const id = await createTemplate(agency, { ...greetingVersion(), locks: [{ nodeId: "greet", path: "/params" }] });
  const tenant = await createTenant();
  const { workflowId } = await installed(agency, id, tenant, { shop: "Bakery" });
  const refused = await edit(tenant, workflowId, (graph) => graph.replace("Hello from Bakery", "Hi from us"));
  expect([refused.status, refused.at("code"), refused.at("issues", 0)]).toEqual([409, "TEMPLATE_LOCKED", expect.objectContaining({ path: "/nodes/1/params", nodeId: "greet" })]);
  expect((await edit(tenant, workflowId, (graph) => graph.replace("Hi from us", "Hello from Bakery").replace('"name":"Greet"', '"name":"Ours"'))).status).toBe(201);
  await agency.client.post(`/v1/templates/${id}/versions`, { ...greetingVersion("Good day"), locks: [{ nodeId: "greet", path: "" }] });
  const locked = await agency.client.post(`/v1/templates/${id}/installations/${tenant.id}/move`, { number: 2 });
  expect([locked.status, locked.at("issues", 0)]).toEqual([409, expect.objectContaining({ path: "/nodes/greet/name", code: "locked" })]);
  const taken = await agency.client.post(`/v1/templates/${id}/installations/${tenant.id}/move`, { number: 2, onConflict: "keepTenant" });
  expect(taken.at("installation")).toMatchObject({ versionNumber: 2, overrides: [], locks: [{ nodeId: "greet", path: "" }] });
  const back = await tenant.client.post(`/v1/workflows/${workflowId}/rollback`, { number: 1 });
  expect([back.status, back.at("code")]).toEqual([409, "TEMPLATE_LOCKED"]);
});

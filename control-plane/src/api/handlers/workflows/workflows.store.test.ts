import { uuidV7 } from "@fluxo/prisma/ids";
import { afterAll, beforeAll, expect, test } from "vitest";
import { manualGraph } from "../../testing/graphs.ts";
import { PLANS, startHarness, type Harness, type TestAgency, type TestTenant } from "../../testing/harness.ts";

let api: Harness;
let agency: TestAgency;
let tenant: TestTenant;

beforeAll(async () => {
  api = await startHarness();
  agency = await api.createTestAgency("Northwind");
  tenant = await api.createTestTenant(agency, "Bakery");
});
afterAll(() => api.stop());

let count = 0;
async function createWorkflow(graph: unknown = manualGraph): Promise<string> {
  count += 1;
  const created = await tenant.client.post("/v1/workflows", { name: `Workflow ${count}`, graph });
  expect(created.status).toBe(201);
  return created.text("id");
}

test("creates a workflow with an empty draft and nothing published", async () => {
  const created = await tenant.client.post("/v1/workflows", { name: "  Empty " });
  expect(created.status).toBe(201);
  expect(created.headers.get("etag")).toBe('"1"');
  const path = created.headers.get("location") ?? "";
  expect(created.body).toMatchObject({ name: "Empty", isActive: false, draftRevision: 1, publishedVersion: null });
  expect((await tenant.client.get(path)).body).toEqual(created.body);
  expect((await tenant.client.get(`${path}/draft`)).at("graph")).toEqual({ nodes: [], edges: [] });
});

test("refuses a name that the tenant has, and takes it for another tenant", async () => {
  expect((await tenant.client.post("/v1/workflows", { name: "Twin" })).status).toBe(201);
  const again = await tenant.client.post("/v1/workflows", { name: "Twin" });
  expect([again.status, again.at("code"), again.at("issues", 0, "path")]).toEqual([409, "NAME_TAKEN", "/body/name"]);
  const other = await api.createTestTenant(agency, "Other");
  expect((await other.client.post("/v1/workflows", { name: "Twin" })).status).toBe(201);
  const renamed = await tenant.client.patch(`/v1/workflows/${await createWorkflow()}`, { name: "Twin" });
  expect([renamed.status, renamed.at("code")]).toEqual([409, "NAME_TAKEN"]);
});

test("filters by state and text, where wildcards mean themselves", async () => {
  const own = await api.createTestTenant(agency, "Filters");
  for (const name of ["100% done", "1000 done", "snake_case", "snakeXcase"]) await own.client.post("/v1/workflows", { name, graph: manualGraph });
  const names = async (query: string): Promise<string[]> => ((await own.client.get(`/v1/workflows?${query}`)).at("data") as { name: string }[]).map(({ name }) => name);
  expect(await names("q=100%25%20d")).toEqual(["100% done"]);
  expect(await names("q=E_C")).toEqual(["snake_case"]);
  expect(await names("q=DONE")).toEqual(["1000 done", "100% done"]);
  expect(await names("active=true")).toEqual([]);
  expect(await names("active=false")).toHaveLength(4);
});

test("pages workflows, newest first, also when one is added on the way", async () => {
  const own = await api.createTestTenant(agency, "Pages");
  for (const name of ["a", "b", "c"]) await own.client.post("/v1/workflows", { name });
  const first = await own.client.get("/v1/workflows?limit=2");
  await own.client.post("/v1/workflows", { name: "d" });
  const second = await own.client.get(`/v1/workflows?limit=2&pageToken=${first.text("nextPageToken")}`);
  expect([first.at("data", 0, "name"), first.at("data", 1, "name"), second.at("data", 0, "name")]).toEqual(["c", "b", "a"]);
  expect(second.at("nextPageToken")).toBeNull();
  for (const query of ["limit=0", "limit=101", "limit=x", "pageToken=AAAA", "pageToken=%00", "limit=1&limit=2", "unknown=1"]) {
    const refused = await own.client.get(`/v1/workflows?${query}`);
    expect([query, refused.status, refused.at("code")]).toEqual([query, 400, "VALIDATION_FAILED"]);
  }
});

test("replaces the draft only when the named revision is still there", async () => {
  const path = `/v1/workflows/${await createWorkflow()}/draft`;
  const read = await tenant.client.get(path);
  expect(read.headers.get("etag")).toBe('"1"');
  const empty = { graph: { nodes: [], edges: [] } };
  const second = await tenant.client.put(path, empty, { "if-match": '"1"' });
  expect([second.status, second.headers.get("etag"), second.at("revision")]).toEqual([200, '"2"', 2]);
  const late = await tenant.client.put(path, empty, { "if-match": '"1"' });
  expect([late.status, late.at("code")]).toEqual([412, "PRECONDITION_FAILED"]);
  expect((await tenant.client.put(path, empty, { "if-match": 'W/"2"' })).status).toBe(412);
  expect((await tenant.client.put(path, empty, { "if-match": '"1", "2"' })).at("revision")).toBe(3);
  expect((await tenant.client.put(path, empty, { "if-match": "*" })).at("revision")).toBe(4);
  expect((await tenant.client.put(path, empty)).at("revision")).toBe(5);
  const malformed = await tenant.client.put(path, empty, { "if-match": "5" });
  expect([malformed.status, malformed.at("issues", 0, "path")]).toEqual([400, "/headers/If-Match"]);
  const missing = await tenant.client.put(`/v1/workflows/${uuidV7.next()}/draft`, empty, { "if-match": '"1"' });
  expect(missing.status).toBe(404);
});

test("of many writers with one revision, one wins", async () => {
  const path = `/v1/workflows/${await createWorkflow()}/draft`;
  const answers = await Promise.all(Array.from({ length: 8 }, () => tenant.client.put(path, { graph: manualGraph }, { "if-match": '"1"' })));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 412)).toHaveLength(7);
});

test("takes a draft of the right shape, however incomplete, and refuses another shape with a pointer", async () => {
  const path = `/v1/workflows/${await createWorkflow()}/draft`;
  expect((await tenant.client.put(path, { graph: { nodes: [{ id: "a", type: "nonsense" }], edges: [{ from: "a", to: "b" }] } })).status).toBe(200);
  const refused = await tenant.client.put(path, { graph: { nodes: [{ id: "1a", type: "set", color: "red" }], edges: [] } });
  expect([refused.status, refused.at("code")]).toEqual([400, "VALIDATION_FAILED"]);
  expect((refused.at("issues") as { path: string }[]).map((issue) => issue.path)).toEqual(["/body/graph/nodes/0/id", "/body/graph/nodes/0/color"]);
});

test("validates the draft or a given graph, and changes nothing", async () => {
  const id = await createWorkflow();
  const path = `/v1/workflows/${id}/validate`;
  const draft = await tenant.client.post(path);
  expect(draft.body).toEqual({ valid: true, issues: [], warnings: [], plan: { triggers: ["start"], readySets: [["start"], ["greet"]] } });
  const broken = { nodes: [...manualGraph.nodes, { id: "lost", type: "set", params: { fields: {} } }], edges: manualGraph.edges };
  const given = await tenant.client.post(path, { graph: broken });
  expect(given.status).toBe(200);
  expect(given.body).toMatchObject({ valid: false, plan: null, issues: [{ code: "NODE_UNREACHABLE", nodeId: "lost", path: "/nodes/2" }] });
  expect((await tenant.client.get(`/v1/workflows/${id}`)).at("draftRevision")).toBe(1);
});

test("warns of what the plan will refuse", async () => {
  const free = await api.createTestTenant(agency, "Free", PLANS.FREE);
  const created = await free.client.post("/v1/workflows", { name: "Large" });
  const nodes = [{ id: "start", type: "trigger.manual" }, ...Array.from({ length: 10 }, (_, index) => ({ id: `n${index}`, type: "set", params: { fields: {} } }))];
  const answer = await free.client.post(`/v1/workflows/${created.text("id")}/validate`, { graph: { nodes, edges: nodes.slice(1).map(({ id }) => ({ from: "start", to: id })) } });
  expect(answer.body).toMatchObject({ valid: true, warnings: [{ code: "TOO_MANY_NODES", path: "/nodes" }] });
});

test("publishes versions by content, and activates the workflow", async () => {
  const id = await createWorkflow();
  const path = `/v1/workflows/${id}`;
  const early = await tenant.client.patch(path, { isActive: true });
  expect([early.status, early.at("code")]).toEqual([409, "WORKFLOW_NOT_PUBLISHED"]);
  const first = await tenant.client.post(`${path}/publish`);
  expect([first.status, first.at("isNew"), first.at("version", "number")]).toEqual([201, true, 1]);
  expect(first.headers.get("location")).toBe(`${path}/versions/1`);
  expect(first.at("version")).toMatchObject({ nodeCount: 2, nodeTypes: ["set", "trigger.manual"], publishedBy: tenant.keyId });
  expect((await tenant.client.get(path)).body).toMatchObject({ isActive: true, publishedVersion: { number: 1, id: first.text("version", "id") } });

  // The same content in another order, moved on the canvas.
  const shuffled = { nodes: manualGraph.nodes.map((node) => ({ ...node, position: { x: 1, y: 2 } })).toReversed(), edges: manualGraph.edges };
  await tenant.client.put(`${path}/draft`, { graph: shuffled });
  const same = await tenant.client.post(`${path}/publish`);
  expect([same.status, same.at("isNew"), same.at("version")]).toEqual([200, false, first.at("version")]);

  await tenant.client.put(`${path}/draft`, { graph: { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] } });
  const second = await tenant.client.post(`${path}/publish`);
  expect([second.status, second.at("version", "number")]).toEqual([201, 2]);
  expect((await tenant.client.get(`${path}/versions?limit=1`)).at("data", 0, "number")).toBe(2);
  const older = await tenant.client.get(`${path}/versions?limit=1&pageToken=${(await tenant.client.get(`${path}/versions?limit=1`)).text("nextPageToken")}`);
  expect([older.at("data", 0, "number"), older.at("nextPageToken")]).toEqual([1, null]);
  const stored = await tenant.client.get(`${path}/versions/1`);
  expect(stored.at("graph", "nodes", 1, "params")).toEqual({ fields: { text: "hello" } });

  // Back to the first content: the first version again.
  await tenant.client.put(`${path}/draft`, { graph: manualGraph });
  const back = await tenant.client.post(`${path}/publish`);
  expect([back.status, back.at("version", "number")]).toEqual([200, 1]);
  expect((await tenant.client.get(path)).at("publishedVersion", "number")).toBe(1);

  expect((await tenant.client.patch(path, { isActive: false })).at("isActive")).toBe(false);
  expect((await tenant.client.patch(path, {})).status).toBe(200);
  for (const number of ["9", "0", "x"]) expect([400, 404]).toContain((await tenant.client.get(`${path}/versions/${number}`)).status);
});

test("concurrent publishes of one draft make one version", async () => {
  const id = await createWorkflow();
  const answers = await Promise.all(Array.from({ length: 6 }, () => tenant.client.post(`/v1/workflows/${id}/publish`)));
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(5);
  expect(new Set(answers.map((answer) => answer.text("version", "id"))).size).toBe(1);
  expect((await tenant.client.get(`/v1/workflows/${id}/triggers`)).at("data")).toHaveLength(1);
});

test("says everything that keeps a graph from being published, with the nodes at fault", async () => {
  const graph = {
    nodes: [
      { id: "start", type: "trigger.manual" },
      { id: "a", type: "set", params: { fields: {} } },
      { id: "b", type: "set", params: { fields: {} } },
      { id: "odd", type: "no.such.type" },
    ],
    edges: [
      { from: "start", to: "a" },
      { from: "a", to: "b" },
      { from: "b", to: "a" },
      { from: "a", to: "nowhere" },
    ],
  };
  const id = await createWorkflow(graph);
  const refused = await tenant.client.post(`/v1/workflows/${id}/publish`);
  expect([refused.status, refused.at("code")]).toEqual([422, "GRAPH_INVALID"]);
  const issues = refused.at("issues") as { code: string; nodeId?: string; path: string }[];
  expect(issues.map(({ code }) => code)).toEqual(["NODE_TYPE_UNKNOWN", "EDGE_DANGLING", "GRAPH_CYCLE"]);
  expect(issues.map(({ nodeId }) => nodeId)).toEqual(["odd", undefined, "a"]);
  expect((await tenant.client.get(`/v1/workflows/${id}`)).body).toMatchObject({ isActive: false, publishedVersion: null });
  expect((await tenant.client.post(`/v1/workflows/${await createWorkflow({ nodes: [], edges: [] })}/publish`)).at("issues", 0, "code")).toBe("GRAPH_WITHOUT_TRIGGER");
});

import { ROUTES } from "@fluxo/contracts/http/routes";
import type { RouteDefinition } from "@fluxo/contracts/http/route";
import { keepsAnswers, readerOf, takesHeader } from "@fluxo/contracts/http/route-rules";
import { forgetAnswers } from "@fluxo/prisma/access/requests";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Client, ClientAnswer } from "./testing/client.ts";
import { manualGraph } from "./testing/graphs.ts";
import { PLANS, type TestAgency, type TestOperator, type TestTenant } from "./testing/callers.ts";
import { startHarness, type Harness } from "./testing/harness.ts";

let api: Harness;
let owner: pg.Pool;
let agency: TestAgency;
let operator: TestOperator;
let tenant: TestTenant;

beforeAll(async () => {
  api = await startHarness();
  owner = new pg.Pool({ connectionString: api.ownerUrl, max: 2 });
  agency = await api.createTestAgency("Northwind");
  operator = await api.createTestOperator();
  tenant = await api.createTestTenant(agency, "Bakery");
});
afterAll(async () => {
  await owner.end();
  await api.stop();
});

const withKey = (key: string): Record<string, string> => ({ "idempotency-key": key });
const countOf = async (sql: string, ...values: unknown[]): Promise<number> => (await owner.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${sql}`, values)).rows[0]?.n ?? -1;

describe("Idempotency-Key", () => {
  test("a repeat gets the first answer: status, headers and body", async () => {
    const first = await tenant.client.post("/v1/workflows", { name: "Once" }, withKey("a"));
    const repeat = await tenant.client.post("/v1/workflows", { name: "Once" }, withKey("a"));
    expect([first.status, first.headers.get("idempotency-replayed")]).toEqual([201, null]);
    expect([repeat.status, repeat.headers.get("idempotency-replayed")]).toEqual([201, "true"]);
    expect(repeat.body).toEqual(first.body);
    expect(repeat.headers.get("location")).toBe(first.headers.get("location"));
    expect(await countOf("workflows WHERE name = 'Once'")).toBe(1);
  });

  test("many at once make one", async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => tenant.client.post("/v1/workflows", { name: "At once" }, withKey("b"))));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    expect(new Set(answers.map((answer) => answer.text("id"))).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get("idempotency-replayed") === null)).toHaveLength(1);
  });

  test("another request under the key is refused; other operations, tenants and callers have keys of their own", async () => {
    await tenant.client.post("/v1/workflows", { name: "First" }, withKey("c"));
    const other = await tenant.client.post("/v1/workflows", { name: "Second" }, withKey("c"));
    expect([other.status, other.at("code")]).toEqual([422, "IDEMPOTENCY_KEY_REUSED"]);
    const butcher = await api.createTestTenant(agency, "Butcher");
    for (const client of [butcher.client, agency.client.forTenant(butcher.id), agency.client.forTenant(tenant.id)]) {
      const answer = await client.post("/v1/workflows", { name: `First of ${Math.random()}` }, withKey("c"));
      expect([answer.status, answer.headers.get("idempotency-replayed")]).toEqual([201, null]);
    }
    expect((await tenant.client.post("/v1/credentials", { name: "C", kind: "bearer", fields: { hosts: ["a.example.com"], token: "t" } }, withKey("c"))).status).toBe(201);
  });

  test("a refusal is not kept: the repeat is judged anew", async () => {
    const refused = await tenant.client.post("/v1/workflows", { name: "Once" }, withKey("d"));
    expect([refused.status, refused.at("code")]).toEqual([409, "NAME_TAKEN"]);
    await owner.query("UPDATE workflows SET name = 'Renamed' WHERE name = 'Once'");
    const later = await tenant.client.post("/v1/workflows", { name: "Once" }, withKey("d"));
    expect([later.status, later.headers.get("idempotency-replayed")]).toEqual([201, null]);
  });

});

describe("kept answers", () => {
  test("secrets are sealed, and given again", async () => {
    const first = await agency.client.post(`/v1/tenants/${tenant.id}/api-keys`, { name: "Secret" }, withKey("e"));
    const { rows } = await owner.query<{ kept: string }>("SELECT encode(sealed_answer, 'escape') AS kept FROM idempotent_answers WHERE key = 'e'");
    expect(rows).toHaveLength(1);
    expect(rows[0]?.kept).not.toContain(first.text("key").slice(-20));
    const repeat = await agency.client.post(`/v1/tenants/${tenant.id}/api-keys`, { name: "Secret" }, withKey("e"));
    expect(repeat.text("key")).toBe(first.text("key"));
    expect(await countOf("api_keys WHERE name = 'Secret'")).toBe(1);
  });

  test("change and answer are one: when the answer cannot be kept, nothing was changed", async () => {
    await owner.query("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'injected'; END $$");
    await owner.query("CREATE TRIGGER refuse BEFORE UPDATE ON idempotent_answers FOR EACH ROW EXECUTE FUNCTION refuse()");
    const failed = await tenant.client.post("/v1/workflows", { name: "Half" }, withKey("f"));
    expect([failed.status, failed.at("code")]).toEqual([500, "INTERNAL"]);
    expect(JSON.stringify(failed.body)).not.toMatch(/injected|stack|\.ts/);
    expect(await countOf("workflows WHERE name = 'Half'")).toBe(0);
    await owner.query("DROP TRIGGER refuse ON idempotent_answers");
    expect((await tenant.client.post("/v1/workflows", { name: "Half" }, withKey("f"))).status).toBe(201);
  });

  test("after 24 hours the key is free, and the relay's process forgets the answer", async () => {
    await tenant.client.post("/v1/workflows", { name: "Old" }, withKey("g"));
    const { rows } = await owner.query<{ hours: number }>("SELECT extract(epoch FROM expires_at - now()) / 3600 AS hours FROM idempotent_answers WHERE key = 'g'");
    expect(Number(rows[0]?.hours)).toBeCloseTo(24, 1);
    await owner.query("UPDATE idempotent_answers SET expires_at = now() - interval '1 second' WHERE key = 'g'");
    const again = await tenant.client.post("/v1/workflows", { name: "New" }, withKey("g"));
    expect([again.status, again.text("name")]).toEqual([201, "New"]);
    await owner.query("UPDATE idempotent_answers SET expires_at = now() - interval '1 second' WHERE key = 'g'");
    expect(await forgetAnswers(api.system, 100)).toBe(1);
    expect(await countOf("idempotent_answers WHERE key = 'g'")).toBe(0);
  });

  test("who waits too long for the first request is told so", async () => {
    const blocker = await owner.connect();
    await blocker.query("BEGIN");
    await blocker.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [`request ${tenant.id} /v1/agency`]);
    const workflow = await tenant.client.post("/v1/workflows", { name: "Blocked" });
    await blocker.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [`request ${tenant.id} /v1/workflows/${workflow.text("id")}`]);
    const answer = await tenant.client.patch(`/v1/workflows/${workflow.text("id")}`, { name: "Blocked still" });
    expect([answer.status, answer.at("code"), answer.headers.get("retry-after")]).toEqual([409, "REQUEST_IN_PROGRESS", "1"]);
    await blocker.query("ROLLBACK");
    blocker.release();
  });

  test.each(["", "x".repeat(256), "white space"])("the key %j is refused", async (key) => {
    const answer = await tenant.client.post("/v1/workflows", { name: "Bad key" }, withKey(key));
    expect([answer.status, answer.at("issues", 0, "path")]).toEqual([400, "/headers/Idempotency-Key"]);
  });

  test("every operation that keeps answers looks at the key", async () => {
    const keeping = (Object.values(ROUTES) as readonly RouteDefinition[]).filter(keepsAnswers);
    expect(keeping.length).toBeGreaterThanOrEqual(12);
    for (const { path } of keeping) {
      const answer = await agency.client.forTenant(tenant.id).send("POST", path.replace("{tenantId}", tenant.id).replace("{number}", "1").replaceAll(/\{\w+\}/g, "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b"), { headers: withKey("white space"), body: {} });
      // The operator's and the people's own.
      if (answer.status !== 403 && answer.status !== 401) expect([path, answer.status, answer.at("issues", 0, "path")]).toEqual([path, 400, "/headers/Idempotency-Key"]);
    }
  });
});

test.each([
  { table: "workflows", set: "error_workflow_id = NULL, updated_at = now() + interval '1 s'" },
  { table: "tenants", set: "updated_at = now() + interval '1 s'" },
])("a writer in the background of $table that is not done yet is waited for, and seen", async ({ table, set }) => {
  const of = await api.createTestTenant(agency, `Background ${table}`);
  const id = table === "tenants" ? of.id : (await of.client.post("/v1/workflows", { name: "Background" })).text("id");
  const [client, path] = table === "tenants" ? [agency.client, `/v1/tenants/${id}`] : [of.client, `/v1/workflows/${id}`];
  const tag = (await client.get(path)).headers.get("etag") ?? "none";
  const writer = await owner.connect();
  try {
    await writer.query("BEGIN");
    await writer.query(`UPDATE ${table} SET ${set} WHERE id = $1`, [id]);
    const answer = client.send("PATCH", path, { body: { name: "Overwritten" }, headers: { "if-match": tag } });
    await expect.poll(() => countOf("pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.datname = current_database()")).toBeGreaterThan(0);
    await writer.query("COMMIT");
    expect([(await answer).status, (await answer).at("code")]).toEqual([412, "PRECONDITION_FAILED"]);
  } finally {
    writer.release();
  }
  expect((await client.get(path)).text("name")).not.toBe("Overwritten");
});

describe("entity tags", () => {
  const tagOf = (answer: ClientAnswer): string => answer.headers.get("etag") ?? "none";

  test("an update with the tag that was read passes once; the next one with it is refused", async () => {
    const path = `/v1/tenants/${(await api.createTestTenant(agency, "Tagged")).id}`;
    const tag = tagOf(await agency.client.get(path));
    expect(tag).toMatch(/^"[\w-]{22}"$/);
    const updated = await agency.client.send("PATCH", path, { body: { name: "Tagged 1" }, headers: { "if-match": tag } });
    expect(updated.status).toBe(200);
    expect(tagOf(updated)).toBe(tagOf(await agency.client.get(path)));
    const stale = await agency.client.send("PATCH", path, { body: { name: "Tagged 2" }, headers: { "if-match": tag } });
    expect([stale.status, stale.at("code")]).toEqual([412, "PRECONDITION_FAILED"]);
    expect((await agency.client.get(path)).text("name")).toBe("Tagged 1");
    expect((await agency.client.send("PATCH", path, { body: { name: "Tagged 3" }, headers: { "if-match": `"x", ${tagOf(updated)}` } })).status).toBe(200);
    expect((await agency.client.send("PATCH", path, { body: { name: "Tagged 4" }, headers: { "if-match": "*" } })).status).toBe(200);
  });

  test("of many updates at once with one tag, one passes", async () => {
    const workflow = await tenant.client.post("/v1/workflows", { name: "Contended" });
    const path = `/v1/workflows/${workflow.text("id")}`;
    const tag = tagOf(await tenant.client.get(path));
    const answers = await Promise.all(Array.from({ length: 10 }, (_, index) => tenant.client.send("PATCH", path, { body: { name: `Contended ${index}` }, headers: { "if-match": tag } })));
    expect(answers.map(({ status }) => status).toSorted((left, right) => left - right)).toEqual([200, ...Array.from({ length: 9 }, () => 412)]);
    const winner = answers.find(({ status }) => status === 200);
    expect((await tenant.client.get(path)).text("name")).toBe(winner?.text("name"));
  });

  test("a read with the tag that the resource has is answered by 304 without a body", async () => {
    const { headers } = await agency.client.get("/v1/agency");
    const again = await agency.client.get("/v1/agency", { "if-none-match": headers.get("etag") ?? "" });
    expect([again.status, again.body, again.headers.get("etag")]).toEqual([304, undefined, headers.get("etag")]);
    expect((await agency.client.get("/v1/agency", { "if-none-match": '"other"' })).status).toBe(200);
    expect((await agency.client.get("/v1/agency", { "if-none-match": "no tag" })).status).toBe(400);
  });

  const updates = (Object.values(ROUTES) as readonly RouteDefinition[]).filter((route) => readerOf(route, ROUTES) !== undefined || takesHeader(route, "If-Match"));
  const ofTenants = new Set(["updateTenant", "updateAgency", "updateManagedAgency", "putTenantByExternalId", "updateWorkflow", "replaceDraft", "replacePins", "updateCredential", "deleteCredential"]);

  test("every update looks at If-Match", async () => {
    let asked = 0;
    for (const { method, path, subject } of updates) {
      const clients: Readonly<Partial<Record<string, Client>>> = { operator: operator.client, agency: agency.client };
      const where = path.replace("{tenantId}", tenant.id).replace("{number}", "1").replaceAll(/\{\w+\}/g, "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b");
      const answer = await (clients[subject] ?? agency.client.forTenant(tenant.id)).send(method.toUpperCase(), where, { headers: { "if-match": "no tag" }, body: {} });
      if (answer.status === 403) continue;
      expect([path, answer.status, answer.at("issues", 0, "path")]).toEqual([path, 400, "/headers/If-Match"]);
      asked += 1;
    }
    expect(asked).toBeGreaterThanOrEqual(8);
  });

  test.each(updates.filter(({ operationId }) => ofTenants.has(operationId)).map((route) => [route.operationId, route] as const))("%s refuses a tag that its resource does not have", async (operationId, route) => {
    const workflow = await tenant.client.post("/v1/workflows", { name: `Of ${operationId}`, graph: manualGraph });
    const credential = await tenant.client.post("/v1/credentials", { name: `Of ${operationId}`, kind: "bearer", fields: { hosts: ["api.example.com"], token: "t" } });
    const externalId = `of-${operationId}`;
    const put = { name: externalId, planId: PLANS.PRO };
    await agency.client.put(`/v1/tenants/by-external-id/${externalId}`, put);
    const ids: Readonly<Record<string, string>> = { agencyId: agency.id, externalId, tenantId: tenant.id, workflowId: workflow.text("id"), credentialId: credential.text("id") };
    const bodies: Readonly<Record<string, unknown>> = { updateManagedAgency: { name: "Other" }, putTenantByExternalId: put, updateTenant: { name: "Other" }, updateAgency: { errorWorkflow: null }, updateWorkflow: { name: "Other" }, replaceDraft: { graph: manualGraph }, replacePins: { pins: {} }, updateCredential: { name: "Other" } };
    const path = route.path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => ids[name] ?? `no-${name}`);
    const clients: Readonly<Partial<Record<string, Client>>> = { operator: operator.client, agency: agency.client };
    const client = clients[route.subject] ?? agency.client.forTenant(tenant.id);
    const send = (tag: string): Promise<ClientAnswer> => client.send(route.method.toUpperCase(), path, { ...(route.body === undefined ? {} : { body: bodies[operationId] }), headers: { "if-match": tag } });
    const refused = await send('"stale"');
    expect([refused.status, refused.at("code")]).toEqual([412, "PRECONDITION_FAILED"]);
    const passed = await send((await client.get(path)).headers.get("etag") ?? "none");
    expect([200, 204]).toContain(passed.status);
  });
});

describe("fields", () => {
  test("narrow one thing and the elements of a list", async () => {
    const one = await agency.client.get(`/v1/tenants/${tenant.id}?fields=id,name`);
    const whole = await agency.client.get(`/v1/tenants/${tenant.id}`);
    expect(one.body).toEqual({ id: tenant.id, name: whole.text("name") });
    expect(one.headers.get("etag")).toBe(whole.headers.get("etag"));
    const list = await agency.client.get("/v1/tenants?fields=planId&limit=1");
    expect(list.body).toMatchObject({ data: [{ planId: PLANS.PRO }], nextPageToken: expect.any(String) as unknown });
    expect(list.at("data", 0)).toEqual({ planId: PLANS.PRO });
  });

  test.each([
    ["fields=id,nothing", "unknown_field"],
    ["fields=", "invalid_format"],
    ["fields=id&fields=name", "invalid_format"],
    ["fields=__proto__", "invalid_format"],
    ["fields=constructor", "unknown_field"],
  ])("%s is refused", async (query, code) => {
    const answer = await agency.client.get(`/v1/tenants?${query}`);
    expect([answer.status, answer.at("issues", 0, "path"), answer.at("issues", 0, "code")]).toEqual([400, "/query/fields", code]);
  });

  test("parameters and bodies that an operation does not declare are refused", async () => {
    const query = await agency.client.get("/v1/agency?verbose=1");
    expect([query.status, query.at("issues", 0, "path")]).toEqual([400, "/query/verbose"]);
    const workflow = await tenant.client.post("/v1/workflows", { name: "No body", graph: manualGraph });
    const body = await tenant.client.post(`/v1/workflows/${workflow.text("id")}/publish`, { force: true });
    expect([body.status, body.at("issues", 0, "path")]).toEqual([400, "/body/force"]);
    expect((await tenant.client.post(`/v1/workflows/${workflow.text("id")}/publish`, {})).status).toBe(201);
  });
});

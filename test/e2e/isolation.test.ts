import { randomUUID } from "node:crypto";
import { createApi, type Api } from "@fluxo/test/support/api";
import { createClient, type Published, type Tenant } from "@fluxo/test/support/client";
import { eventually } from "@fluxo/test/support/eventually";
import { chain, MANUAL, set } from "@fluxo/test/support/graphs";
import { afterAll, beforeAll, expect, inject, test } from "vitest";

// Every route is asked for another's things in control-plane/src/api/isolation.store.test.ts; here, whole processes are.
const system = inject("system");
const client = createClient({ ...system });
let mine: Tenant;
let other: Tenant;
let workflow: Published;
let executionId: string;

beforeAll(async () => {
  [mine, other] = await Promise.all([client.createTenant(), client.createTenant()]);
  workflow = await other.publish(chain(MANUAL, set("a", { secret: "of the other" })));
  executionId = await other.start(workflow.workflowId);
  await other.waitForStatus(executionId, "SUCCESS");
});
afterAll(() => client.close());

test("lists hold one's own only", async () => {
  const own = await mine.publish(chain(MANUAL, set("a")));
  const ownId = await mine.start(own.workflowId);
  await mine.waitForStatus(ownId, "SUCCESS");
  expect((await mine.executions()).map(({ id }) => id)).toEqual([ownId]);
  expect((await mine.api.call("listWorkflows")).body.data.map(({ id }) => id)).toEqual([own.workflowId]);
  expect((await mine.api.call("listExecutions", { query: { workflowId: workflow.workflowId } })).body.data).toEqual([]);
  const strangers = createApi(system.apiUrl, system.strangerKey);
  expect((await strangers.call("listTenants")).body.data).toEqual([]);
  expect((await mine.api.call("getMe")).body).toMatchObject({ tenant: { id: mine.id } });
});

test("a tenant's key cannot name another tenant in the header; naming itself is fine", async () => {
  const params = { executionId };
  expect(await mine.api.refusal("getExecution", { params, headers: { "fluxo-tenant": other.id } })).toMatchObject({ status: 404, code: "NOT_FOUND" });
  expect(await mine.api.refusal("listExecutions", { headers: { "fluxo-tenant": other.id } })).toMatchObject({ status: 404, code: "NOT_FOUND" });
  await mine.api.call("listExecutions", { headers: { "fluxo-tenant": mine.id } });
});

test("an agency key must name a tenant of its own", async () => {
  const at = (tenantId: string | undefined): Api => createApi(system.apiUrl, system.adminKey, tenantId);
  expect(await at(undefined).refusal("listCredentials")).toMatchObject({ status: 400, code: "TENANT_REQUIRED" });
  expect(await at("not-an-id").refusal("listExecutions")).toMatchObject({ status: 400, code: "VALIDATION_FAILED" });
  expect(await at(randomUUID()).refusal("listExecutions")).toMatchObject({ status: 404, code: "NOT_FOUND" });
  expect(await createApi(system.apiUrl, system.strangerKey, mine.id).refusal("listExecutions")).toMatchObject({ status: 404, code: "NOT_FOUND" });
  await at(mine.id).call("listExecutions");
});

test("missing, malformed, wrong and revoked keys have one and the same answer", async () => {
  const { body: made } = await client.admin.call("createApiKey", { params: { tenantId: mine.id }, body: { name: "Short-lived", scopes: ["executions:read"] } });
  const short = createApi(system.apiUrl, made.key);
  await short.call("listExecutions");
  expect(await short.refusal("listWorkflows")).toMatchObject({ status: 403, code: "SCOPE_MISSING" });
  await client.admin.call("revokeApiKey", { params: { tenantId: mine.id, keyId: made.id } });
  await eventually(async () => expect(await short.refusal("listExecutions")).toMatchObject({ status: 401, code: "UNAUTHENTICATED" }), 5_000);

  const wrongSecret = `${mine.api.key.slice(0, -4)}AAAA`;
  const wrong = [wrongSecret, "nonsense", `flx_${"0".repeat(32)}_${"A".repeat(43)}`, made.key];
  const answers = await Promise.all([...wrong.map((key) => createApi(system.apiUrl, key).refusal("listExecutions")), mine.api.refusal("listExecutions", { headers: { authorization: "" } })]);
  for (const answer of answers) expect({ ...answer, instance: "" }).toEqual({ ...answers[0], instance: "" });
  expect(answers[0]).toMatchObject({ status: 401, code: "UNAUTHENTICATED" });
});

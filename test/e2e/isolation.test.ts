import { randomUUID } from "node:crypto";
import type { RouteDefinition } from "@fluxo/contracts/http/route";
import { ROUTES, type OperationId } from "@fluxo/contracts/http/routes";
import { createApi, type Api, type RequestParts } from "@fluxo/test/support/api";
import { createClient, type Published, type Tenant } from "@fluxo/test/support/client";
import { eventually } from "@fluxo/test/support/eventually";
import { chain, MANUAL, set, SIGNED_WEBHOOK } from "@fluxo/test/support/graphs";
import { afterAll, beforeAll, expect, inject, test } from "vitest";

const system = inject("system");
const client = createClient({ ...system });
let mine: Tenant;
let other: Tenant;
let workflow: Published;
let ids: Record<string, string>;

beforeAll(async () => {
  [mine, other] = await Promise.all([client.createTenant(), client.createTenant()]);
  const page = { id: "page", type: "document.generate", params: { template: "Secret", format: "html" } };
  workflow = await other.publish({ nodes: [MANUAL, { ...SIGNED_WEBHOOK, id: "hook" }, set("a", { secret: "of the other" }), page], edges: [{ from: "start", to: "a" }, { from: "hook", to: "a" }, { from: "a", to: "page" }] });
  const executionId = await other.start(workflow.workflowId);
  await other.waitForStatus(executionId, "SUCCESS");
  const keys = await client.admin.call("listApiKeys", { params: { tenantId: other.id } });
  const [file] = await client.sql<{ id: string }>("SELECT id FROM files WHERE tenant_id = $1", [other.id]);
  const credential = await other.api.call("createCredential", { body: { name: "Shop", kind: "bearer", fields: { hosts: ["api.example.com"], token: "token-of-the-other" } } });
  const dryRerun = await other.api.call("createDryRerun", { params: { executionId }, body: {} });
  const bulk = await other.api.call("createBulkOperation", { body: { kind: "cancel", name: "Stop", executionIds: [executionId], pacePerMinute: 1 } });
  const outageId = randomUUID();
  await client.sql(
    "INSERT INTO outages (tenant_id, id, key_kind, host, integration, next_probe_at, error_class, error_code) VALUES ($1, $2, 'host', 'secret.example.com', 'http', now() + interval '1 day', 'SERVER', 'PROVIDER_FAILED')",
    [other.id, outageId],
  );
  ids = {
    fileId: file?.id ?? "",
    credentialId: credential.body.id,
    dryRerunId: dryRerun.body.id,
    backfillId: randomUUID(),
    bulkOperationId: "id" in bulk.body ? bulk.body.id : "",
    outageId,
    nodeId: "a",
    key: "uid:1",
    tenantId: other.id,
    workflowId: workflow.workflowId,
    executionId,
    triggerId: workflow.triggers.find(({ kind }) => kind === "webhook")?.id ?? "",
    keyId: keys.body.data[0]?.id ?? "",
    number: "1",
  };
});
afterAll(() => client.close());

const BODIES: Readonly<Partial<Record<OperationId, unknown>>> = {
  startExecution: { input: {} },
  replaceDraft: { graph: chain(MANUAL) },
  updateWorkflow: { isActive: false },
  updateTenant: { name: "Taken over" },
  replacePins: { pins: {} },
  testNode: {},
  backfillTrigger: { from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z" },
  updateCredential: { name: "Mine now" },
  rerunExecution: { from: "start" },
  createDryRerun: {},
  createApiKey: { name: "Stolen", scopes: ["executions:read"] },
};

/** Names in a path that are no ids: they mean nothing without the thing that they are of. */
const NAMES: ReadonlySet<string> = new Set(["number", "nodeId", "caller"]);

/** Every operation that names a thing of a tenant in its path. */
const OPERATIONS = (Object.entries(ROUTES) as [OperationId, RouteDefinition][]).filter(([, { path, subject }]) => path.includes("{") && subject !== "caller" && subject !== "operator" && subject !== "none");

function partsFor(operation: OperationId): RequestParts {
  const route: RouteDefinition = ROUTES[operation];
  const params = Object.fromEntries(Object.keys(route.params?.shape ?? {}).map((name) => [name, ids[name] ?? ""]));
  return { params, ...(BODIES[operation] === undefined ? {} : { body: BODIES[operation] }) };
}

/** Everything of the other tenant that a stranger could have changed. */
async function stateOfOther(): Promise<unknown> {
  const params = { workflowId: workflow.workflowId };
  return {
    workflow: (await other.api.call("getWorkflow", { params })).body,
    draft: (await other.api.call("getDraft", { params })).body,
    triggers: (await other.api.call("listTriggers", { params })).body,
    executions: await other.executions(),
    keys: (await client.admin.call("listApiKeys", { params: { tenantId: other.id } })).body,
    tenant: (await client.admin.call("getTenant", { params: { tenantId: other.id } })).body,
  };
}

test("the table of operations is as long as the contract", () => {
  expect(OPERATIONS.length).toBeGreaterThanOrEqual(18);
});

test.for(OPERATIONS.map(([operation, { subject }]) => [operation, subject] as const))("%s (%s) tells a stranger nothing and changes nothing", async ([operation, subject]) => {
  const before = await stateOfOther();
  const problems = [
    ...(subject === "agency" ? [] : [await mine.api.refusal(operation, partsFor(operation))]),
    ...(subject === "tenant" ? [await mine.agency.refusal(operation, partsFor(operation))] : []),
    await createApi(system.apiUrl, system.strangerKey, subject === "tenant" ? other.id : undefined).refusal(operation, partsFor(operation)),
  ];
  for (const problem of problems) expect(problem).toMatchObject({ status: 404, code: "NOT_FOUND" });
  if (subject === "agency") expect(await mine.api.refusal(operation, partsFor(operation))).toMatchObject({ status: 403, code: "SCOPE_MISSING" });
  // The answer is the one for an id that does not exist.
  const unknown = { ...partsFor(operation), params: Object.fromEntries(Object.entries(partsFor(operation).params ?? {}).map(([name, id]) => [name, NAMES.has(name) ? id : randomUUID()])) };
  const stranger = createApi(system.apiUrl, system.strangerKey);
  const missing = await (subject === "agency" ? stranger : mine.api).refusal(operation, unknown);
  expect({ ...missing, instance: "" }).toEqual({ ...(subject === "agency" ? problems.at(-1) : problems[0]), instance: "" });
  expect(await stateOfOther()).toEqual(before);
});

test("lists hold one's own only", async () => {
  const own = await mine.publish(chain(MANUAL, set("a")));
  const executionId = await mine.start(own.workflowId);
  await mine.waitForStatus(executionId, "SUCCESS");
  expect((await mine.executions()).map(({ id }) => id)).toEqual([executionId]);
  expect((await mine.api.call("listWorkflows")).body.data.map(({ id }) => id)).toEqual([own.workflowId]);
  expect((await mine.api.call("listExecutions", { query: { workflowId: workflow.workflowId } })).body.data).toEqual([]);
  const strangers = createApi(system.apiUrl, system.strangerKey);
  expect((await strangers.call("listTenants")).body.data).toEqual([]);
  expect((await mine.api.call("getMe")).body).toMatchObject({ tenant: { id: mine.id } });
});

test("a tenant's key cannot name another tenant in the header; naming itself is fine", async () => {
  const params = { executionId: ids["executionId"] ?? "" };
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

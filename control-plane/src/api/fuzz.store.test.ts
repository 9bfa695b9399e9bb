import { problemSchema } from "@fluxo/contracts/http/problem";
import type { RouteDefinition } from "@fluxo/contracts/http/route";
import { fieldsOf, isAudited } from "@fluxo/contracts/http/route-rules";
import { ROUTES } from "@fluxo/contracts/http/routes";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openApiDocument } from "./http/openapi.ts";
import type { TestAgency, TestOperator, TestTenant } from "./testing/callers.ts";
import type { Schema } from "./testing/from-schema.ts";
import { requestsOf, type DocumentedOperation, type FuzzRequest } from "./testing/fuzz-requests.ts";
import { manualGraph, webhookGraph } from "./testing/graphs.ts";
import { startHarness, type Harness } from "./testing/harness.ts";

/** FLUXO_FUZZ_SEED and FLUXO_FUZZ_RUNS (requests per operation) make other campaigns of it. */
const seed = Number(process.env["FLUXO_FUZZ_SEED"] ?? 20_261_129);
const numRuns = Number(process.env["FLUXO_FUZZ_RUNS"] ?? 12);

/** Operations that wait for somebody else than PostgreSQL. */
const ELSEWHERE: ReadonlySet<string> = new Set(["testNode", "checkTrigger", "testCredential"]);

const document = openApiDocument(ROUTES);
const components = (document.components?.schemas ?? {}) as unknown as Readonly<Record<string, Schema>>;
const routes = (Object.values(ROUTES) as readonly RouteDefinition[]).filter(({ operationId }) => !ELSEWHERE.has(operationId));

let api: Harness;
let operator: TestOperator;
let agency: TestAgency;
let tenant: TestTenant;
let ids: Readonly<Record<string, readonly string[]>>;

beforeAll(async () => {
  api = await startHarness();
  operator = await api.createTestOperator();
  agency = await api.createTestAgency("Fuzzed");
  tenant = await api.createTestTenant(agency, "Fuzzed");
  ids = await seedThings();
});
afterAll(() => api.stop());

/** Something of every kind. What ends a tenant or a key is tried on others than those that the requests come from. */
async function seedThings(): Promise<Readonly<Record<string, readonly string[]>>> {
  const other = await api.createTestTenant(agency, "Victim");
  const victims = await api.createTestAgency("Victims");
  const { client } = tenant;
  const manual = await client.post("/v1/workflows", { name: "Manual", graph: manualGraph });
  const hook = await client.post("/v1/workflows", { name: "Hook", graph: webhookGraph({ mode: "standard" }) });
  const published = await Promise.all([manual, hook].map((workflow) => client.post(`/v1/workflows/${workflow.text("id")}/publish`)));
  const started = await client.post(`/v1/workflows/${manual.text("id")}/executions`, { input: { a: 1 } });
  const credential = await client.post("/v1/credentials", { name: "Shop", kind: "bearer", fields: { hosts: ["api.example.com"], token: "t" } });
  const bulk = await client.post("/v1/bulk-operations", { kind: "cancel", name: "Stop", executionIds: [started.text("executionId")], pacePerMinute: 1 });
  return {
    tenantId: [other.id],
    agencyId: [victims.id],
    keyId: [other.keyId],
    workflowId: [manual.text("id"), hook.text("id")],
    nodeId: ["greet", "start"],
    number: ["1"],
    version: ["1", "draft"],
    against: ["1", "draft"],
    triggerId: published.map((answer) => answer.text("triggers", 0, "id")),
    key: ["uid:1"],
    executionId: [started.text("executionId")],
    credentialId: [credential.text("id")],
    bulkOperationId: [bulk.text("id")],
    planId: ["00000000-0000-7000-8000-000000000003"],
    type: ["http.request"],
    externalId: ["crm-1"],
  };
}

interface Seen {
  readonly requestId: string;
  readonly isReplayed: boolean;
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

async function send(route: RouteDefinition, { path, headers, body }: FuzzRequest): Promise<Seen> {
  const stop = new AbortController();
  const key = route.subject === "operator" ? operator.key : agency.key;
  const response = await fetch(`${api.url}${path}`, {
    method: route.method.toUpperCase(),
    headers: { authorization: `Bearer ${key}`, ...(route.subject === "tenant" ? { "fluxo-tenant": tenant.id } : {}), ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(body === undefined || route.method === "get" ? {} : { body }),
    signal: stop.signal,
  });
  const type = response.headers.get("content-type") ?? "";
  // A stream ends when nobody reads it any more.
  const text = type.startsWith("text/event-stream") ? "" : await response.text();
  stop.abort();
  return { status: response.status, type, text, requestId: response.headers.get("x-request-id") ?? "", isReplayed: response.headers.has("idempotency-replayed") };
}

function operationOf(route: RouteDefinition): DocumentedOperation {
  const item = (document.paths?.[route.path] ?? {}) as unknown as Readonly<Record<string, DocumentedOperation>>;
  const operation = item[route.method];
  if (operation === undefined) throw new Error(`The document has no ${route.operationId}.`);
  return operation;
}

/** What every answer to whatever request must be. */
function check(route: RouteDefinition, operation: DocumentedOperation, request: FuzzRequest, { status, type, text }: Seen): void {
  const about = `${route.method} ${request.path} ${request.body?.slice(0, 2_000) ?? ""} ${JSON.stringify(request.headers)} → ${status} ${text.slice(0, 500)}`;
  expect(status, about).toBeLessThan(500);
  // A path that is another one by what was put into it.
  if (status === 404 || status === 405) return;
  expect(Object.keys(operation.responses), about).toContain(String(status));
  if (status >= 400) {
    expect(type, about).toBe("application/problem+json; charset=utf-8");
    const problem = problemSchema.parse(JSON.parse(text));
    expect(operation.responses[status]?.description, about).toContain(`\`${problem.code}\``);
    expect(text, about).not.toMatch(/node_modules|at \w+ \(|\.ts:\d+|SELECT |prisma/i);
    return;
  }
  const isNarrowed = request.path.includes("fields=") && fieldsOf(route) !== undefined;
  const body = route.responses[status]?.body;
  if (body !== undefined && !isNarrowed) expect(body.safeParse(JSON.parse(text)).error, about).toBeUndefined();
}

/** What the audit log says of a request. */
async function actionsOf(requestId: string): Promise<string[]> {
  const { rows } = await api.owner.query<{ action: string }>("SELECT action FROM audit_entries WHERE request_id = $1 AND seq IS NOT NULL", [requestId]);
  return rows.map(({ action }) => action);
}

describe(`whatever is sent, seed ${seed}`, () => {
  test.each(routes.map((route) => [route.operationId, route] as const))("%s answers as its document says", async (_id, route) => {
    const operation = operationOf(route);
    await fc.assert(
      fc.asyncProperty(requestsOf(route, operation, components, ids), async (request) => {
        const seen = await send(route, request);
        check(route, operation, request, seen);
        if (seen.status < 300 && isAudited(route) && !seen.isReplayed) expect(await actionsOf(seen.requestId), `${request.path} left no entry in the audit log`).toContain(route.operationId);
      }),
      { seed, numRuns, interruptAfterTimeLimit: 10_000, endOnFailure: true },
    );
  });
});

test("it asked things that were answered well, not only refused", async () => {
  const { rows } = await api.owner.query<{ action: string }>("SELECT DISTINCT action FROM audit_entries");
  expect(rows.length).toBeGreaterThanOrEqual(15);
});

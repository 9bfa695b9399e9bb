import { problemSchema } from "@fluxo/contracts/http/problem";
import type { RouteDefinition } from "@fluxo/contracts/http/route";
import { fieldsOf, isAudited } from "@fluxo/contracts/http/route-rules";
import { ROUTES } from "@fluxo/contracts/http/routes";
import { startTokenServer, CLIENT, type TokenServer } from "@fluxo/prisma/testing/token-server";
import { dereferenced } from "@fluxo/test/support/openapi";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openApiDocument } from "./http/openapi.ts";
import type { TestOperator } from "./testing/callers.ts";
import { documentedBody } from "./testing/documented-body.ts";
import type { Schema } from "./testing/from-schema.ts";
import { requestsOf, type DocumentedOperation, type FuzzRequest } from "./testing/fuzz-requests.ts";
import { manualGraph, webhookGraph } from "./testing/graphs.ts";
import { startHarness, type Harness } from "./testing/harness.ts";
import { createMarkedAgency, createMarkedOperator, type Inhabitant, type MarkedAgency, type MarkedTenant } from "./testing/isolation/world.ts";
import { answerNodeTests, FickleServer } from "./testing/outside.ts";

/** FLUXO_FUZZ_SEED and FLUXO_FUZZ_RUNS (requests per operation) make other campaigns of it. */
const seed = Number(process.env["FLUXO_FUZZ_SEED"] ?? 20_261_129);
const numRuns = Number(process.env["FLUXO_FUZZ_RUNS"] ?? 25);

/** Operations that ask somebody else than PostgreSQL: a worker, the ingress, a provider. First, while nothing that they need is changed or deleted by others. */
const ELSEWHERE: readonly string[] = ["testNode", "checkTrigger", "testCredential"];

const document = openApiDocument(ROUTES);
const components = (document.components?.schemas ?? {}) as unknown as Readonly<Record<string, Schema>>;
/** Operations that end something for all that come after them. */
const ENDING = /^(?:delete|revoke|remove|erase|suspend|end|beginOffBoarding|discard|abort|rotate|cancel)/;
const placeOf = ({ operationId }: RouteDefinition): number => (ELSEWHERE.includes(operationId) ? 0 : ENDING.test(operationId) ? 2 : 1);
const routes = (Object.values(ROUTES) as readonly RouteDefinition[]).toSorted((left, right) => placeOf(left) - placeOf(right));
/** Operations of which at least one request must be answered well: most of them, so that what comes after their checks is reached too. */
const SUCCEEDED_MIN = 115;
const allowedBodies = new Map<string, ReturnType<typeof documentedBody>>();
/** Operations that answered with a success. */
const succeeded = new Set<string>();

let api: Harness;
let operator: TestOperator & Inhabitant;
let agency: MarkedAgency;
let tenant: MarkedTenant;
let ids: Readonly<Record<string, readonly string[]>>;
let fickle: FickleServer;
let tokens: TokenServer;
let stopAnswering: () => Promise<void>;

beforeAll(async () => {
  [fickle, tokens] = [await FickleServer.start(), await startTokenServer()];
  api = await startHarness({ allowedPrivateHosts: [fickle.host, `127.0.0.1:${tokens.port}`], ingressUrl: `http://${fickle.host}` });
  stopAnswering = answerNodeTests(api.redis);
  // Requests come as fast as the machine sends them, some of which move a tenant to another plan: what plans allow in a minute is not what is tried here.
  await api.owner.query("ALTER TABLE plans ALTER COLUMN api_requests_per_minute SET DEFAULT 1000000; UPDATE plans SET api_requests_per_minute = 1000000");
  operator = await createMarkedOperator(api);
  agency = await createMarkedAgency(api, "fuzzed");
  [tenant] = agency.tenants as [MarkedTenant];
  ids = await seedThings();
});
afterAll(async () => {
  await stopAnswering();
  await api.stop();
  await Promise.all([fickle.stop(), tokens.stop()]);
});

/** Something of every kind. What ends a tenant or an agency is tried on others than those that the requests come from. */
async function seedThings(): Promise<Readonly<Record<string, readonly string[]>>> {
  const { client } = tenant;
  const victims = await api.createTestAgency("Victims");
  const [, other] = agency.tenants;
  const manual = await client.post("/v1/workflows", { name: "Manual", graph: manualGraph });
  const hook = await client.post("/v1/workflows", { name: "Hook", graph: webhookGraph({ mode: "standard" }) });
  const published = await Promise.all([manual, hook].map((workflow) => client.post(`/v1/workflows/${workflow.text("id")}/publish`)));
  const started = await client.post(`/v1/workflows/${manual.text("id")}/executions`, { input: { a: 1 } });
  const provider = { hosts: ["api.example.com"], grant: "refreshToken", ...CLIENT };
  const renewed = await client.post("/v1/credentials", { name: "Renewed", kind: "oauth2", fields: { ...provider, tokenUrl: tokens.url, refreshToken: tokens.refreshToken } });
  const unsteady = await client.post("/v1/credentials", { name: "Unsteady", kind: "oauth2", fields: { ...provider, tokenUrl: `http://${fickle.host}/token`, refreshToken: "r" } });
  return {
    ...idsOf(agency),
    ...idsOf(tenant),
    tenantId: [other?.id ?? ""],
    agencyId: [victims.id],
    keyId: [other?.keyId ?? "", agency.ids["keyId"] ?? ""],
    workflowId: [manual.text("id"), hook.text("id"), tenant.ids["workflowId"] ?? ""],
    nodeId: ["greet", "start"],
    version: ["1", "draft"],
    against: ["1", "draft"],
    triggerId: [tenant.ids["triggerId"] ?? "", ...published.map((answer) => answer.text("triggers", 0, "id"))],
    executionId: [tenant.ids["executionId"] ?? "", started.text("executionId")],
    credentialId: [tenant.ids["credentialId"] ?? "", renewed.text("id"), unsteady.text("id")],
    type: ["http.request"],
  };
}

function idsOf({ ids: own }: Inhabitant): Record<string, readonly string[]> {
  return Object.fromEntries(Object.entries(own).map(([name, id]) => [name, [id]]));
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
  const item = dereferenced(document, document.paths?.[route.path] ?? {}) as unknown as Readonly<Record<string, DocumentedOperation>>;
  const operation = item[route.method];
  if (operation === undefined) throw new Error(`The document has no ${route.operationId}.`);
  return operation;
}

/** Whether the document, or a field that is in none, leaves nothing but a refusal. */
function mustBeRefused({ operationId, requestBody }: DocumentedOperation, { body, isIntruded }: FuzzRequest): boolean {
  if (requestBody === undefined) return false;
  if (body === undefined) return requestBody.required === true;
  const allowed = allowedBodies.get(operationId) ?? documentedBody(requestBody.content["application/json"].schema, components);
  allowedBodies.set(operationId, allowed);
  try {
    return isIntruded || !allowed.safeParse(JSON.parse(body)).success;
  } catch {
    return false; // no JSON for us; what the API makes of it is judged by its answer
  }
}

/** What every answer to whatever request must be. */
function check(route: RouteDefinition, operation: DocumentedOperation, request: FuzzRequest, { status, type, text }: Seen): void {
  const about = `${route.method} ${request.path} ${request.body?.slice(0, 2_000) ?? ""} ${JSON.stringify(request.headers)} → ${status} ${text.slice(0, 500)}`;
  expect(status, about).toBeLessThan(500);
  // A path that is another one by what was put into it.
  if (status === 404 || status === 405) return;
  if (mustBeRefused(operation, request)) expect(status, `not refused: ${about}`).toBeGreaterThanOrEqual(400);
  if (status < 300) succeeded.add(route.operationId);
  expect(Object.keys(operation.responses), about).toContain(String(status));
  if (status >= 400) {
    // People who sign in or out are told in a page.
    if (type.startsWith("text/html")) {
      expect(Object.keys(operation.responses[status]?.content ?? {}), about).toContain("text/html");
      expect(text, about).not.toMatch(/<script|node_modules|\.ts:\d+/i);
      return;
    }
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
      fc.asyncProperty(requestsOf(route, operation, components, route.subject === "operator" ? { ...ids, ...idsOf(operator) } : ids), async (request) => {
        const seen = await send(route, request);
        check(route, operation, request, seen);
        if (seen.status < 300 && isAudited(route) && !seen.isReplayed) expect(await actionsOf(seen.requestId), `${request.path} left no entry in the audit log`).toContain(route.operationId);
      }),
      { seed, numRuns, endOnFailure: true },
    );
  }, 60_000 + numRuns * 1_000);
});

test("it asked things that were answered well, not only refused, also where others are asked", async () => {
  expect([...succeeded]).toEqual(expect.arrayContaining([...ELSEWHERE]));
  expect(fickle.asked).toBeGreaterThan(0);
  expect(succeeded.size).toBeGreaterThanOrEqual(SUCCEEDED_MIN);
});

import type { RouteDefinition } from "@fluxo/contracts/http/route";
import { ROUTES } from "@fluxo/contracts/http/routes";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openApiDocument } from "./http/openapi.ts";
import { startHarness, type Harness } from "./testing/harness.ts";
import type { Schema } from "./testing/from-schema.ts";
import { bodiesOf, bodySchema, pathOf, queryOf, send, withIds, type Seen } from "./testing/isolation/requests.ts";
import { createMarkedAgency, type Inhabitant, type MarkedAgency, type MarkedTenant } from "./testing/isolation/world.ts";

/**
 * Invariant I6, generated from the route table: two agencies with two tenants each, every text of which holds its owner's mark. Whoever calls whatever
 * route with another's ids, in path, query, header or body, sees no mark of the other, and changes nothing of it.
 */
const routes = Object.values(ROUTES) as readonly RouteDefinition[];
const document = openApiDocument(ROUTES);
const components = (document.components?.schemas ?? {}) as unknown as Readonly<Record<string, Schema>>;
/** Parameters that name no thing of anybody. */
const NAMELESS = new Set(["type", "number", "nodeId", "key"]);
const BODY_TRIES = 40;

/** Bodies that no schema describes well enough to be made up. */
const BODIES: Readonly<Record<string, unknown>> = {
  backfillTrigger: { from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z" },
  replaceDraft: { graph: { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] } },
  updateCredential: { name: "Mine now" },
  replacePins: { pins: {} },
  rotateTriggerSecret: {},
  createApiKey: { name: "Mine" },
  updateMember: { role: "builder" },
  updateWorkflow: { name: "Mine now" },
  updatePlan: { name: "Mine now" },
  previewPlanChange: { executionsPerMonth: 5 },
  createTemplateVersion: { graph: { nodes: [{ id: "start", type: "trigger.manual", params: {}, onError: "stop" }], edges: [] }, parameters: [] },
};

/** Refusals that come before anybody's things are looked for. */
const OTHER_REFUSALS: Readonly<Record<string, readonly (readonly [number, string])[]>> = {
  // A key is no person, so it has no sessions at all.
  endMySession: [[409, "STATE_CONFLICT"]],
};

let api: Harness;
let a: MarkedAgency;
let b: MarkedAgency;
let own: MarkedTenant;
let sibling: MarkedTenant;
let foreign: MarkedTenant;

beforeAll(async () => {
  api = await startHarness();
  [a, b] = [await createMarkedAgency(api, "ours"), await createMarkedAgency(api, "theirs")];
  [own, sibling, foreign] = [a.tenants[0], a.tenants[1], b.tenants[0]] as [MarkedTenant, MarkedTenant, MarkedTenant];
}, 60_000);
afterAll(() => api.stop());

const isOfTenant = ({ subject }: RouteDefinition): boolean => subject === "tenant" || subject === "tenants" || subject === "pathTenant";
const parametersOf = ({ path }: RouteDefinition): string[] => [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
// An external id is the agency's own: putting another's makes a tenant of the caller.
const naming = routes.filter((route) => parametersOf(route).some((name) => !NAMELESS.has(name)) && route.operationId !== "putTenantByExternalId");

/** Everything of somebody in the database but notes of use, as one hash per table. */
async function contentOf(owners: readonly string[], column: "tenant_id" | "agency_id"): Promise<Record<string, string>> {
  const { rows: tables } = await api.owner.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid AND t.attname = $1 AND NOT t.attisdropped
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' ORDER BY 1`,
    [column],
  );
  const each = tables.map(({ name }) => `SELECT '${name}' AS name, md5(coalesce(string_agg((to_jsonb(x) - 'last_used_at')::text, '|' ORDER BY (to_jsonb(x) - 'last_used_at')::text), '')) AS content FROM ${name} x WHERE ${column} = ANY ($1)`);
  const { rows } = await api.owner.query<{ name: string; content: string }>(each.join(" UNION ALL "), [owners]);
  const content = Object.fromEntries(rows.map((row) => [row.name, row.content]));
  return content;
}

/** A body that the route takes; undefined for a route without one. */
function bodyFor(route: RouteDefinition, owner: Inhabitant): unknown {
  if (route.body === undefined) return undefined;
  const known = BODIES[route.operationId];
  if (known !== undefined) return known;
  const schema = bodySchema(document, route);
  const candidates = schema === undefined ? [] : bodiesOf(schema, components, BODY_TRIES).map((candidate) => withIds(candidate, owner).body);
  const body = candidates.find((candidate) => route.body?.safeParse(candidate).success === true);
  if (body === undefined) throw new Error(`No body for ${route.operationId} could be made up: add one to BODIES.`);
  return body;
}

/** Somebody's path parameters, the nameless ones of whoever asks. */
function ofVictim(route: RouteDefinition, victim: Inhabitant, agency: Inhabitant): string {
  return pathOf(route, victim.ids["workflowId"] === undefined || isOfTenant(route) ? victim : { ...victim, ids: { ...agency.ids, ...victim.ids } });
}

function expectNothingOf(owner: Inhabitant, seen: Seen, log: number): void {
  expect(seen.text.includes(owner.mark), `a mark of ${owner.mark} in the answer`).toBe(false);
  expect(api.logLines.slice(log).some((line) => line.includes(owner.mark)), `a mark of ${owner.mark} in the log`).toBe(false);
  expect(seen.status).toBeLessThan(500);
}

describe("another's ids in the path", () => {
  test.each(naming.map((route) => [route.operationId, route] as const))("%s", async (_operationId, route) => {
    const victim: Inhabitant = isOfTenant(route) ? foreign : { mark: b.mark, ids: { ...foreign.ids, ...b.ids, ...(route.path.includes("/tenants/{tenantId}/api-keys") ? { keyId: foreign.keyId } : {}) } };
    const body = bodyFor(route, own);
    const before = await contentOf([foreign.id, sibling.id], "tenant_id");
    const asked = `${ofVictim(route, victim, b)}${queryOf(route, own, false)}`;
    const log = api.logLines.length;
    const refusals: Seen[] = [];
    // The key of an agency, for one of its tenants where the route is about one; then for the other's tenant by name.
    refusals.push(await send(api.url, a.key, route, asked, { body, tenantId: route.subject === "tenant" || route.subject === "tenants" ? own.id : undefined }));
    if (route.subject === "tenant") refusals.push(await send(api.url, a.key, route, asked, { body, tenantId: foreign.id }));
    // The key of a tenant: on another agency's, and on its sibling's.
    refusals.push(await send(api.url, own.key, route, asked, { body }));
    if (isOfTenant(route)) refusals.push(await send(api.url, own.key, route, `${pathOf(route, sibling)}${queryOf(route, own, false)}`, { body }), await send(api.url, own.key, route, asked, { body, tenantId: foreign.id }));
    for (const refusal of refusals) {
      expect([refusal.status, refusal.code]).toEqual(expect.toBeOneOf([[404, "NOT_FOUND"], [403, "SCOPE_MISSING"], ...(OTHER_REFUSALS[route.operationId] ?? [])]));
      for (const owner of [b, foreign, sibling]) expectNothingOf(owner, refusal, log);
    }
    // Only a lack of rights may stand before the answer that there is no such thing, and never for whoever has them.
    if (route.subject !== "operator" && OTHER_REFUSALS[route.operationId] === undefined) expect(refusals[0]?.code).toBe("NOT_FOUND");
    expect(await contentOf([foreign.id, sibling.id], "tenant_id")).toEqual(before);
  });
});

describe("lists, and another's ids in the query", () => {
  const reading = routes.filter((route) => route.method === "get" && parametersOf(route).every((name) => NAMELESS.has(name)) && route.subject !== "operator");
  test.each(reading.map((route) => [route.operationId, route] as const))("%s", async (_operationId, route) => {
    const log = api.logLines.length;
    for (const owner of [foreign, b, sibling]) {
      const path = `${pathOf(route, own)}${queryOf(route, owner, true)}`;
      const byTenant = await send(api.url, own.key, route, path);
      expectNothingOf(owner, byTenant, log);
      if (owner === sibling) continue;
      expectNothingOf(b, await send(api.url, a.key, route, path, { tenantId: route.subject === "tenant" ? own.id : undefined }), log);
      const foreignByName = await send(api.url, a.key, route, path, { tenantId: foreign.id });
      expectNothingOf(b, foreignByName, log);
      if (route.subject === "tenant" || route.subject === "tenants") expect(foreignByName.status).toBe(404);
    }
  });
});

describe("another's ids in the body", () => {
  // Those whose bodies can name something.
  const taking = routes.filter((route) => route.subject !== "operator" && route.subject !== "none" && /"format":"uuid"|"\$ref"/.test(JSON.stringify(bodySchema(document, route) ?? {})) && !["rotateTriggerSecret", "createSigningKey"].includes(route.operationId));
  test.each(taking.map((route) => [route.operationId, route] as const))("%s", async (operationId, route) => {
    const schema = bodySchema(document, route);
    if (schema === undefined) throw new Error(`${operationId} has no body in the document.`);
    const samples = bodiesOf(schema, components, BODY_TRIES).map((sample) => withIds(sample, { mark: b.mark, ids: { ...b.ids, ...foreign.ids } }));
    const planted = samples.filter(({ body, count }) => count > 0 && route.body?.safeParse(body).success === true).slice(0, 3);
    const before = [await contentOf([foreign.id], "tenant_id"), await contentOf([b.id], "agency_id")];
    const log = api.logLines.length;
    for (const { body } of planted) {
      const path = `${pathOf(route, { mark: own.mark, ids: { ...a.ids, ...own.ids } })}${queryOf(route, own, false)}`;
      expectNothingOf(b, await send(api.url, a.key, route, path, { body, tenantId: route.subject === "tenant" ? own.id : undefined }), log);
      if (isOfTenant(route)) expectNothingOf(b, await send(api.url, own.key, route, path, { body }), log);
    }
    expect([await contentOf([foreign.id], "tenant_id"), await contentOf([b.id], "agency_id")]).toEqual(before);
  });

  test("the ids of most bodies were planted", () => {
    const planted = taking.filter((route) => {
      const schema = bodySchema(document, route);
      return schema !== undefined && bodiesOf(schema, components, BODY_TRIES).some((sample) => withIds(sample, { mark: b.mark, ids: { ...b.ids, ...foreign.ids } }).count > 0);
    });
    expect(planted.map(({ operationId }) => operationId)).toEqual(expect.arrayContaining(["createTenant", "updateTenant", "updateAgency", "updateWorkflow", "createBulkOperation", "installTemplate"]));
  });
});

test("the marks are where they would be seen: their owners see them by most routes that read", async () => {
  const seeing: string[] = [];
  for (const route of routes.filter(({ method, subject }) => method === "get" && subject !== "none" && subject !== "operator")) {
    const isAgency = route.subject === "agency" || route.subject === "caller";
    // What stands behind a tenant's id is the tenant's: its own keys, not the agency's.
    const ids = route.path.startsWith("/v1/tenants/{tenantId}/") ? { ...b.ids, ...foreign.ids } : { ...foreign.ids, ...b.ids };
    const owner: Inhabitant = isAgency ? { mark: b.mark, ids } : foreign;
    const seen = await send(api.url, isAgency ? b.key : foreign.key, route, `${pathOf(route, owner)}${queryOf(route, owner, false)}`);
    expect([route.operationId, seen.status === 404 || seen.status >= 500]).toEqual([route.operationId, false]);
    if (seen.text.includes(b.mark)) seeing.push(route.operationId);
  }
  expect(seeing.length).toBeGreaterThanOrEqual(35);
});

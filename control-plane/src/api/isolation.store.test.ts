import { AGENCY_ROLES } from "@fluxo/contracts/http/roles";
import type { RouteDefinition } from "@fluxo/contracts/http/route";
import { ROUTES } from "@fluxo/contracts/http/routes";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openApiDocument } from "./http/openapi.ts";
import { PLANS, startHarness, type Harness } from "./testing/harness.ts";
import type { Schema } from "./testing/from-schema.ts";
import type { TestOperator } from "./testing/callers.ts";
import { bodiesOf, bodySchema, pathOf, queryOf, send, withIds, type Caller, type Seen } from "./testing/isolation/requests.ts";
import { createMarkedAgency, createMarkedOperator, type Inhabitant, type MarkedAgency, type MarkedTenant } from "./testing/isolation/world.ts";
import { signInAs } from "./testing/people.ts";

/**
 * Invariant I6, generated from the route table: two agencies with two tenants each, and the operator, every text of which holds its owner's mark. Whoever calls
 * whatever route with another's ids, in path, query, header or body, sees no mark of the other, and changes nothing of it: keys of an agency and of a tenant, and
 * people of every role who are bound to that tenant.
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

/** Refusals of keys that come before anybody's things are looked for. */
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
let operator: TestOperator & Inhabitant;
/** People of the own tenant, by role. */
const people = new Map<string, Caller>();

beforeAll(async () => {
  api = await startHarness();
  [a, b] = [await createMarkedAgency(api, "ours"), await createMarkedAgency(api, "theirs")];
  operator = await createMarkedOperator(api);
  [own, sibling, foreign] = [a.tenants[0], a.tenants[1], b.tenants[0]] as [MarkedTenant, MarkedTenant, MarkedTenant];
  for (const role of AGENCY_ROLES) people.set(role, await signInAs(api, { agency: a, role, tenantIds: [own.id] }, `${role}@people.example`));
});
afterAll(() => api.stop());

const isOfTenant = ({ subject }: RouteDefinition): boolean => subject === "tenant" || subject === "tenants" || subject === "pathTenant";
const parametersOf = ({ path }: RouteDefinition): string[] => [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
// An external id is the agency's own: putting another's makes a tenant of the caller, which is a test of its own.
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

/** What is the operator's alone, as one hash. */
async function contentOfOperator(): Promise<string> {
  const each = ["api_keys", "members"].map((name) => `SELECT (to_jsonb(x) - 'last_used_at')::text AS row FROM ${name} x WHERE agency_id IS NULL`);
  const { rows } = await api.owner.query<{ content: string }>(`SELECT md5(string_agg(row, '|' ORDER BY row)) AS content FROM (${each.join(" UNION ALL ")}) r`);
  return rows[0]?.content ?? "";
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
    const victim: Inhabitant = isOfTenant(route) ? foreign : route.subject === "operator" ? { mark: operator.mark, ids: { ...b.ids, ...operator.ids } } : { mark: b.mark, ids: { ...foreign.ids, ...b.ids, ...(route.path.includes("/tenants/{tenantId}/api-keys") ? { keyId: foreign.keyId } : {}) } };
    const body = bodyFor(route, own);
    const content = async (): Promise<unknown> => [await contentOf([foreign.id, sibling.id], "tenant_id"), await contentOf([b.id], "agency_id"), await contentOfOperator()];
    const before = await content();
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
      for (const owner of [b, foreign, sibling, operator]) expectNothingOf(owner, refusal, log);
    }
    for (const [role, caller] of people) {
      const asks = [asked, ...(isOfTenant(route) ? [`${pathOf(route, sibling)}${queryOf(route, own, false)}`] : [])];
      for (const path of asks) {
        for (const tenantId of route.subject === "tenant" ? [undefined, foreign.id, sibling.id] : [undefined]) {
          const refusal = await send(api.url, caller, route, path, { body, tenantId });
          expect([role, refusal.status, refusal.code]).toEqual(expect.toBeOneOf([[role, 404, "NOT_FOUND"], [role, 403, "SCOPE_MISSING"]]));
          for (const owner of [b, foreign, sibling, operator]) expectNothingOf(owner, refusal, log);
        }
      }
    }
    // Only a lack of rights may stand before the answer that there is no such thing, and never for whoever has them.
    if (route.subject !== "operator" && OTHER_REFUSALS[route.operationId] === undefined) expect(refusals[0]?.code).toBe("NOT_FOUND");
    expect(await content()).toEqual(before);
  });
});

describe("the operator", () => {
  test("sees nothing of what agencies and tenants have, beside that an agency is there, and changes nothing of it", async () => {
    const log = api.logLines.length;
    const before = [await contentOf([foreign.id], "tenant_id"), await contentOf([b.id], "agency_id")];
    const refused = routes.filter(({ subject }) => subject !== "operator" && subject !== "none" && subject !== "caller");
    for (const route of refused) {
      const path = `${pathOf(route, { mark: b.mark, ids: { ...b.ids, ...foreign.ids } })}${queryOf(route, foreign, false)}`;
      for (const tenantId of [undefined, foreign.id]) {
        const seen = await send(api.url, operator.key, route, path, { body: bodyFor(route, own), tenantId });
        expect([route.operationId, seen.status, seen.code]).toEqual([route.operationId, 403, "SCOPE_MISSING"]);
        expectNothingOf(b, seen, log);
      }
    }
    for (const route of routes.filter(({ method, subject }) => method === "get" && subject === "operator")) {
      const seen = await send(api.url, operator.key, route, `${pathOf(route, { mark: operator.mark, ids: { ...b.ids, ...operator.ids } })}${queryOf(route, foreign, false)}`);
      expect([route.operationId, seen.status]).toEqual([route.operationId, 200]);
      for (const owner of [own, sibling, foreign]) expectNothingOf(owner, seen, log);
    }
    expect([await contentOf([foreign.id], "tenant_id"), await contentOf([b.id], "agency_id")]).toEqual(before);
  });
});

describe("lists, and another's ids in the query", () => {
  const reading = routes.filter((route) => route.method === "get" && parametersOf(route).every((name) => NAMELESS.has(name)) && route.subject !== "operator");
  test.each(reading.map((route) => [route.operationId, route] as const))("%s", async (_operationId, route) => {
    const log = api.logLines.length;
    for (const owner of [foreign, b, sibling]) {
      const path = `${pathOf(route, own)}${queryOf(route, owner, true)}`;
      for (const caller of [own.key, ...people.values()]) expectNothingOf(owner, await send(api.url, caller, route, path), log);
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
  const taking = routes.filter((route) => route.subject !== "operator" && route.subject !== "none" && /"format":"uuid"|"\$ref"/.test(JSON.stringify(bodySchema(document, route) ?? {})));
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
      if (isOfTenant(route)) for (const caller of [own.key, ...people.values()]) expectNothingOf(b, await send(api.url, caller, route, path, { body }), log);
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

// Last: a tenant with the external id of another agency's has that agency's mark for its own.
describe("what names nothing of another's by an id", () => {
  const routeOf = (operationId: string): RouteDefinition => routes.find((route) => route.operationId === operationId) as RouteDefinition;

  test("an external id is of its agency: the same one of another makes a tenant of the caller's agency, and of nobody without the right", async () => {
    const route = routeOf("putTenantByExternalId");
    const externalId = foreign.ids["externalId"] ?? "";
    const before = await contentOf([foreign.id], "tenant_id");
    const body = { name: "Of the same external id", planId: PLANS.PRO };
    for (const caller of [own.key, ...people.values()]) expect((await send(api.url, caller, route, pathOf(route, foreign), { body })).code).toBe("SCOPE_MISSING");
    const made = await send(api.url, a.key, route, pathOf(route, foreign), { body });
    expect(made.status).toBe(201);
    expect(made.text.replaceAll(externalId, "").replaceAll(encodeURIComponent(externalId), "")).not.toContain(b.mark);
    const { rows } = await api.owner.query<{ agency_id: string; id: string }>("SELECT agency_id, id FROM tenants WHERE external_id = $1", [externalId]);
    expect(new Map(rows.map(({ agency_id: agencyId, id }) => [agencyId, id]))).toEqual(new Map([[b.id, foreign.id], [a.id, expect.any(String)]]));
    expect(await contentOf([foreign.id], "tenant_id")).toEqual(before);
  });

  test("a secret of a hook stays what it was, whoever of another tenant rotates it, and is another one when its own tenant does", async () => {
    const route = routeOf("rotateTriggerSecret");
    const secretOf = async (): Promise<unknown> => (await api.owner.query("SELECT to_jsonb(t) AS row FROM triggers t WHERE id = $1", [foreign.ids["triggerId"]])).rows;
    const before = await secretOf();
    for (const caller of [a.key, own.key, sibling.key, ...people.values()]) {
      for (const tenantId of [undefined, own.id, foreign.id]) expect((await send(api.url, caller, route, pathOf(route, foreign), { body: {}, tenantId })).status).toBeGreaterThanOrEqual(400);
    }
    expect(await secretOf()).toEqual(before);
    expect((await send(api.url, foreign.key, route, pathOf(route, foreign), { body: {} })).status).toBe(200);
    expect(await secretOf()).not.toEqual(before);
  });
});

import { expect, test } from "vitest";
import type { RouteDefinition } from "./route.ts";
import { fieldsOf, isAudited, isOneTransaction, keepsAnswers, readerOf, takesHeader } from "./route-rules.ts";
import { ROUTES } from "./routes.ts";

const routes = Object.values(ROUTES) as readonly RouteDefinition[];
const idsOf = (some: readonly RouteDefinition[]): string[] => some.map(({ operationId }) => operationId);

test("every POST takes an idempotency key, or says why a repeat does no harm", () => {
  for (const route of routes.filter(({ method }) => method === "post")) {
    expect([route.operationId, keepsAnswers(route) || takesHeader(route, "Idempotency-Key")]).toEqual([route.operationId, route.repeatable === undefined]);
    if (route.repeatable !== undefined) expect(route.repeatable, route.operationId).toMatch(/^[A-Z].+\.$/);
  }
  expect(idsOf(routes.filter(({ method, repeatable }) => method !== "post" && repeatable !== undefined))).toEqual([]);
});

test("every operation that changes something is one transaction with its entry in the audit log, or says why not", () => {
  for (const route of routes.filter(({ method }) => method !== "get")) {
    expect([route.operationId, isAudited(route)]).toEqual([route.operationId, route.unaudited === undefined]);
    if (route.unaudited !== undefined) expect(route.unaudited, route.operationId).toMatch(/^[A-Z].+\.$/);
    if (isAudited(route) && route.repeatable === undefined) expect([route.operationId, isOneTransaction(route)]).toEqual([route.operationId, true]);
  }
});

test("nobody without a key takes part in idempotency", () => {
  expect(idsOf(routes.filter((route) => route.scope === "public" && route.method !== "get" && route.repeatable === undefined))).toEqual([]);
});

test("every update takes If-Match; deletes do where the thing can be read by itself", () => {
  const updates = routes.filter(({ method }) => method === "put" || method === "patch");
  expect(updates.length).toBeGreaterThanOrEqual(6);
  const without = updates.filter((route) => readerOf(route, ROUTES) === undefined && !takesHeader(route, "If-Match"));
  expect(idsOf(without)).toEqual([]);
});

test("every list, and every read of one thing as JSON, can be narrowed to fields", () => {
  const reads = routes.filter(({ method, responses, path }) => method === "get" && responses[200]?.body !== undefined && path.startsWith("/v1/"));
  expect(idsOf(reads.filter((route) => fieldsOf(route) === undefined))).toEqual([]);
  expect(fieldsOf(ROUTES.listTenants)).toMatchObject({ isList: true, names: expect.arrayContaining(["id", "name"]) as unknown });
  expect(fieldsOf(ROUTES.getTenant)).toMatchObject({ isList: false, names: expect.arrayContaining(["id", "name"]) as unknown });
  expect(fieldsOf(ROUTES.getNodeType)).toEqual({ isList: false, names: undefined });
  for (const route of reads) expect(Object.keys(route.query?.shape ?? {})).not.toContain("fields");
});

test("names are consistent: camelCase, plural lists, one way to page", () => {
  for (const [operationId, route] of Object.entries(ROUTES) as [string, RouteDefinition][]) {
    expect(operationId).toBe(route.operationId);
    expect(operationId).toMatch(/^[a-z]+(?:[A-Z][a-z]+)+[0-9]*$|^[a-z]+[A-Z][A-Za-z]+$/);
    for (const segment of route.path.split("/").slice(1)) expect(segment, route.path).toMatch(/^(?:[a-z][a-z0-9]*(?:-[a-z0-9]+)*|\{[a-z][A-Za-z]*\}|openapi\.json)$/);
    for (const name of [...Object.keys(route.query?.shape ?? {}), ...Object.keys(route.params?.shape ?? {})]) expect(name, operationId).toMatch(/^[a-z][A-Za-z]*$/);
    // What an id stands behind is a collection.
    for (const [, collection = ""] of route.path.matchAll(/\/([a-z-]+)\/\{[a-zA-Z]+\}/g)) expect(collection, route.path).toMatch(/s$|^parked$|^by-/);
    if (operationId.startsWith("list")) {
      expect(route.method, operationId).toBe("get");
      expect(fieldsOf(route)?.isList, operationId).toBe(true);
    }
  }
});

/** Lists that are short by nature: they come whole. */
const WHOLE = { listCredentialKinds: "as many as there are kinds", listCredentialUsages: "bounded by the graphs of a tenant", listSamples: "the last ten", listMySessions: "one person's" } as const;

test("every list is paged, or short by nature", () => {
  for (const route of routes.filter((candidate) => fieldsOf(candidate)?.isList === true)) {
    const isPaged = ["limit", "pageToken"].every((name) => Object.hasOwn(route.query?.shape ?? {}, name));
    expect([route.operationId, isPaged]).toEqual([route.operationId, !Object.hasOwn(WHOLE, route.operationId)]);
  }
});

import { randomUUID } from "node:crypto";
import type { RouteDefinition } from "@fluxo/contracts/http/route";
import { ROUTES } from "@fluxo/contracts/http/routes";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MATRIX_CALLERS, mayCall, type MatrixCaller } from "../testing/access-matrix.ts";
import { startHarness, type Harness, type TestAgency, type TestTenant } from "../testing/harness.ts";
import { signInAs } from "../testing/people.ts";

/** Every operation as every kind of caller, against what scope and subject say. Nothing is done: what is let through fails at its input or finds nothing. */
const routes: readonly RouteDefinition[] = Object.values(ROUTES);

let api: Harness;
let agency: TestAgency;
let tenant: TestTenant;
const headersOf = new Map<string, Readonly<Record<string, string>>>();

beforeAll(async () => {
  api = await startHarness();
  agency = await api.createTestAgency("Northwind");
  tenant = await api.createTestTenant(agency, "Bakery");
  const operator = await api.createTestOperator();
  for (const caller of MATRIX_CALLERS) {
    const headers = caller.role === undefined ? { authorization: `Bearer ${caller.reach === "operator" ? operator.key : caller.reach === "agency" ? agency.key : tenant.key}` } : await sessionHeaders(caller);
    headersOf.set(caller.name, { ...headers, ...(caller.reach === "agency" ? { "fluxo-tenant": tenant.id } : {}) });
  }

  function sessionHeaders({ name, role, reach }: MatrixCaller): Promise<Readonly<Record<string, string>>> {
    const email = `${name.replaceAll(/\W+/g, "-")}@x.example`.toLowerCase();
    if (role === undefined || role === "operator") return signInAs(api, { operator }, email);
    return signInAs(api, { agency, role, tenantIds: reach === "tenant" ? [tenant.id] : null }, email);
  }
});
afterAll(() => api.stop());

/** Ids that nobody has, but for reads about a tenant. */
function pathOf({ path, method }: RouteDefinition): string {
  return path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => (name === "tenantId" && method === "get" ? tenant.id : randomUUID()));
}

/** Status, and the code of a refusal. Streams are left as soon as they begin. */
async function outcomeOf(route: RouteDefinition, headers: Readonly<Record<string, string>>): Promise<{ status: number; code: string | undefined }> {
  const hangUp = new AbortController();
  try {
    const response = await fetch(`${api.url}${pathOf(route)}`, { method: route.method.toUpperCase(), headers, redirect: "manual", signal: hangUp.signal });
    const isProblem = response.headers.get("content-type")?.startsWith("application/problem+json") === true;
    const problem = isProblem ? ((await response.json()) as { code?: string }) : {};
    return { status: response.status, code: problem.code };
  } finally {
    hangUp.abort();
  }
}

/** Signing out comes last: it ends what the others are asked with. */
const inOrder = routes.toSorted((a, b) => Number(a.operationId === "signOut") - Number(b.operationId === "signOut"));

describe.each(MATRIX_CALLERS.map((caller) => [caller.name, caller] as const))("%s", (name, caller) => {
  test("is let through where its scopes and its reach say so, and nowhere else", async () => {
    const wrong: string[] = [];
    for (const route of inOrder) {
      const { status, code } = await outcomeOf(route, headersOf.get(name) ?? {});
      const isRefused = status === 403 && code === "SCOPE_MISSING";
      const isSound = status < 500 && status !== 401 && (isRefused || status !== 403);
      if (!isSound || isRefused === mayCall(route, caller)) wrong.push(`${route.operationId}: ${status} ${code ?? ""}, but it ${mayCall(route, caller) ? "may" : "may not"}`);
    }
    expect(wrong).toEqual([]);
  });
});

test("nobody gets in without a key or a session", async () => {
  const wrong: string[] = [];
  for (const route of routes) {
    const { status, code } = await outcomeOf(route, {});
    if (status >= 500 || (status === 401) !== (route.scope !== "public" || code === "UNAUTHENTICATED")) wrong.push(`${route.operationId}: ${status} ${code ?? ""}`);
  }
  expect(wrong).toEqual([]);
});

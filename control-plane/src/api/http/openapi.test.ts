import { ROUTES } from "@fluxo/contracts/http/routes";
import { dereferenced, referencesIn, resolveReference } from "@fluxo/test/support/openapi";
import { describe, expect, test } from "vitest";
import { openApiDocument } from "./openapi.ts";

const document = openApiDocument(ROUTES);
const text = JSON.stringify(document);

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly description?: string;
}
interface Operation {
  readonly operationId: string;
  readonly summary?: string;
  readonly description?: string;
  readonly security: readonly object[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: object;
  readonly responses: Readonly<Record<string, { readonly description?: string; readonly headers?: object; readonly content?: Readonly<Record<string, unknown>>; readonly "x-codes"?: readonly string[] }>>;
}

const operations = Object.entries(dereferenced(document, document.paths ?? {})).flatMap(([path, item]) =>
  Object.entries(item as unknown as Record<string, Operation>).map(([method, operation]) => ({ path, method, operation })),
);

test("docs/openapi.json is this document (after a change: npx vitest run --project unit control-plane/src/api/http/openapi.test.ts -u)", async () => {
  await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot("../../../../docs/openapi.json");
});

test("has every route, under its own operation id, and nothing else", () => {
  const found = operations.map(({ path, method, operation }) => `${operation.operationId} ${method} ${path}`);
  expect(found.toSorted()).toEqual(Object.entries(ROUTES).map(([id, { operationId, method, path }]) => `${id === operationId ? id : "?"} ${method} ${path}`).toSorted());
});

test("resolves every reference, and uses every component, each by more than one place but for schemas", () => {
  const references = referencesIn(document);
  expect(references.filter((reference) => resolveReference(document, reference) === undefined)).toEqual([]);
  for (const [kind, parts] of Object.entries(document.components ?? {}).filter(([name]) => name !== "securitySchemes")) {
    const used = references.filter((reference) => reference.startsWith(`#/components/${kind}/`));
    expect([...new Set(used)].toSorted(), kind).toEqual(Object.keys(parts).map((name) => `#/components/${kind}/${name}`).toSorted());
    expect(Object.keys(parts).filter((name) => !/^[A-Z][A-Za-z]+$/.test(name)), kind).toEqual([]);
    if (kind !== "schemas") expect(used.filter((reference) => used.indexOf(reference) === used.lastIndexOf(reference)), kind).toEqual([]);
  }
});

test("says what operations have in common once: parameters, headers and refusals of three codes at most", () => {
  const repeated = (parts: readonly unknown[]): string[] => {
    const texts = parts.filter((part) => referencesIn({ part }).every((reference) => reference.startsWith("#/components/schemas/"))).map((part) => JSON.stringify(part));
    return texts.filter((text, index) => texts.indexOf(text) < index);
  };
  const plain = Object.values(document.paths ?? {}).flatMap((item) => Object.values(item as unknown as Record<string, Operation>));
  const answers = plain.flatMap(({ responses }) => Object.values(responses));
  const commonest = ["Fluxo-Tenant", "Idempotency-Key", "If-Match", "If-None-Match", "fields", "limit", "pageToken"];
  for (const name of commonest) expect(plain.flatMap(({ parameters = [] }) => parameters).filter((parameter) => parameter.name === name).length, name).toBeLessThan(10);
  expect(repeated(answers.flatMap(({ headers }) => Object.entries(headers ?? {}).filter(([name]) => name === "X-Request-Id")))).toEqual([]);
  expect(repeated(answers.filter((answer) => (answer["x-codes"]?.length ?? 4) <= 3))).toEqual([]);
  expect(text.length).toBeLessThan(800_000);
});

describe.each(operations.map(({ path, method, operation }) => [`${method} ${path}`, path, operation] as const))("%s", (_name, path, operation) => {
  test("declares exactly the parameters of its path, each described", () => {
    const parameters = operation.parameters ?? [];
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    expect(parameters.filter((parameter) => parameter.in === "path").map(({ name }) => name)).toEqual(inPath);
    for (const parameter of parameters) expect(parameter.description, parameter.name).toBeTruthy();
  });

  test("describes itself, its answers and its refusals", () => {
    expect(operation.summary).toBeTruthy();
    expect(operation.description).toBeTruthy();
    const statuses = Object.keys(operation.responses);
    expect(statuses.some((status) => /^[23]/.test(status))).toBe(true);
    expect(statuses).toContain("500");
    for (const [status, response] of Object.entries(operation.responses)) {
      expect(response.description, status).toBeTruthy();
      expect((response["x-codes"] ?? []).map((code) => `\`${code}\``), status).toEqual(Number(status) < 400 ? [] : response.description?.match(/^`\w+`/gm));
      // Where people sign in and out, refusals are pages as well.
      if (Number(status) >= 400) expect(Object.keys(response.content ?? {})).toEqual(["application/problem+json", ...(path.startsWith("/auth/") ? ["text/html"] : [])]);
    }
    expect(operation.responses["401"]?.description?.includes("`UNAUTHENTICATED`") ?? false).toBe(operation.security.length > 0);
    if (operation.requestBody !== undefined) expect(statuses).toContain("415");
    if (!statuses.includes("415")) expect(operation.requestBody).toBeUndefined();
  });
});

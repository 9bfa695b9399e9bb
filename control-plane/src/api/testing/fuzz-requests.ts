import type { RouteDefinition } from "@fluxo/contracts/http/route";
import fc from "fast-check";
import { fromSchema, type Schema } from "./from-schema.ts";

/** What one request is made of. */
export interface FuzzRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Text of the body; absent for none. */
  readonly body: string | undefined;
}

interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required?: boolean;
  readonly schema: Schema;
}

/** An operation as the document has it. */
export interface DocumentedOperation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: { readonly "application/json": { readonly schema: Schema } } };
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
}

const TEXTS = ["", " ", "\u0000", "\u{1d54f}".repeat(300), "../../etc/passwd", "'; DROP TABLE tenants; --", "{{7*7}}", "${7*7}", "__proto__", "constructor", "-1", "1e309", "9".repeat(400), "NaN", "null", "true", "a".repeat(5_000), "\r\nX-Injected: 1", "%00", "\u202e"];
const VALUES: readonly unknown[] = [...TEXTS, null, true, -1, 0, 1.5, 2 ** 31, 2 ** 53 - 1, -(2 ** 53), 1e308, [], {}, [[[[[[]]]]]], { $ne: null }, { toString: "x" }, { a: { b: { c: 1 } } }];
const BODIES = ["", "{", "null", "1", '"text"', "[]", "[".repeat(10_000), '{"__proto__":{"a":1}}', '{"a":1e999}', '{"a":"\\ud800"}', '{"a":1,"a":2}', "\ufeff{}"];

/** Requests to one operation: as the document allows them, with one part replaced, and hostile ones. @param ids known ids by the name of the parameter */
export function requestsOf(route: RouteDefinition, operation: DocumentedOperation, components: Readonly<Record<string, Schema>>, ids: Readonly<Record<string, readonly string[]>>): fc.Arbitrary<FuzzRequest> {
  const parameters = operation.parameters ?? [];
  const text = (schema: Schema): fc.Arbitrary<string> =>
    fc.oneof({ weight: 4, arbitrary: fromSchema(schema, components).map((value) => (typeof value === "string" ? value : JSON.stringify(value))) }, { weight: 1, arbitrary: fc.constantFrom(...TEXTS) });
  const inPath = fc.record(
    Object.fromEntries(
      parameters
        .filter((parameter) => parameter.in === "path")
        .map(({ name, schema }) => [name, fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...(ids[name] ?? ["unknown"])) }, { weight: 2, arbitrary: text(schema) })]),
    ),
  );
  const inQuery = fc.record(Object.fromEntries(parameters.filter((parameter) => parameter.in === "query").map(({ name, schema }) => [name, queryOf(name, schema, text, ids)])), {
    requiredKeys: [],
  });
  const inHeader = fc.record(
    Object.fromEntries(parameters.filter((parameter) => parameter.in === "header" && parameter.name !== "Fluxo-Tenant").map(({ name, schema }) => [name, text(schema).filter((value) => /^[\x20-\x7e]*$/.test(value) && value.length < 2_000)])),
    { requiredKeys: [] },
  );
  const schema = operation.requestBody?.content["application/json"].schema;
  const body = schema === undefined ? fc.option(fc.constantFrom(...BODIES), { freq: 8, nil: undefined }) : bodyOf(fromSchema(schema, components));
  return fc.record({ params: inPath, query: inQuery, headers: inHeader, body }).map(({ params, query, headers, body: content }) => {
    const path = route.path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => encodeURIComponent(wellFormed(params[name] ?? "")) || "%20");
    const search = new URLSearchParams();
    for (const [name, values = []] of Object.entries(query)) for (const value of values) search.append(name, value);
    const given = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return { path: search.size === 0 ? path : `${path}?${search.toString()}`, headers: Object.fromEntries(given), body: content };
  });
}

function queryOf(name: string, schema: Schema, text: (schema: Schema) => fc.Arbitrary<string>, ids: Readonly<Record<string, readonly string[]>>): fc.Arbitrary<readonly string[]> {
  const { items } = schema;
  const one = typeof items === "object" && items !== null ? text(items as Schema) : text(schema);
  const known = ids[name];
  const value = known === undefined ? one : fc.oneof(fc.constantFrom(...known), one);
  return fc.array(value, { minLength: 1, maxLength: items === undefined ? 1 : 2 });
}

/** Mostly what the document allows, some of it with one value replaced or one field more, some of it no JSON at all. */
function bodyOf(allowed: fc.Arbitrary<unknown>): fc.Arbitrary<string | undefined> {
  const replaced = fc.tuple(allowed, fc.nat(), fc.constantFrom(...VALUES)).map(([value, place, hostile]) => replaceAt(value, place, hostile));
  return fc.oneof(
    { weight: 5, arbitrary: allowed.map((value) => JSON.stringify(value)) },
    { weight: 5, arbitrary: replaced.map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: fc.constantFrom(...BODIES) },
    { weight: 1, arbitrary: fc.constant(undefined) },
  );
}

/** The value with one of its inner values, or itself, replaced by another. */
function replaceAt(root: unknown, place: number, hostile: unknown): unknown {
  const copy: { root: unknown } = { root: structuredClone(root) };
  const places: (() => void)[] = [];
  const walk = (holder: object): void => {
    for (const [key, inner] of Object.entries(holder)) {
      places.push(() => void Reflect.set(holder, key, hostile));
      if (typeof inner === "object" && inner !== null) walk(inner);
    }
  };
  walk(copy);
  places[place % places.length]?.();
  return copy.root;
}

function wellFormed(text: string): string {
  return text.toWellFormed();
}

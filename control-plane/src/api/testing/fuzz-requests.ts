import type { RouteDefinition } from "@fluxo/contracts/http/route";
import { fieldsOf } from "@fluxo/contracts/http/route-rules";
import fc from "fast-check";
import { fromSchema, type Schema } from "./from-schema.ts";

/** What one request is made of. */
export interface FuzzRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Text of the body; absent for none. */
  readonly body: string | undefined;
  /** Whether it holds a field that nobody asked for, so that only a refusal is right. */
  readonly isIntruded: boolean;
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
  readonly requestBody?: { readonly required?: boolean; readonly content: { readonly "application/json": { readonly schema: Schema } } };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Readonly<Record<string, unknown>> }>>;
}

const TEXTS = ["", " ", "\u0000", "\u{1d54f}".repeat(300), "../../etc/passwd", "'; DROP TABLE tenants; --", "{{7*7}}", "${7*7}", "__proto__", "constructor", "-1", "1e309", "9".repeat(400), "NaN", "null", "true", "a".repeat(5_000), "\r\nX-Injected: 1", "%00", "\u202e"];
const VALUES: readonly unknown[] = [...TEXTS, null, true, -1, 0, 1.5, 2 ** 31, 2 ** 53 - 1, -(2 ** 53), 1e308, [], {}, [[[[[[]]]]]], { $ne: null }, { toString: "x" }, { a: { b: { c: 1 } } }];
/** A field of no operation. */
const INTRUDER = { unasked: 1 } as const;
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
  const inQuery = fc.record(
    Object.fromEntries(
      parameters
        .filter((parameter) => parameter.in === "query")
        .map(({ name, schema, required = false }) => {
          const given = name === "fields" ? fieldsQuery(route, text(schema)) : queryOf(name, schema, text, ids);
          return [name, required ? given : sometimes(given, name === "pageToken" ? 7 : 2)];
        }),
    ),
  );
  const headerText = (schema: Schema): fc.Arbitrary<string> => text(schema).filter((value) => /^[\x20-\x7e]*$/.test(value) && value.length < 2_000);
  const inHeader = fc.record(
    Object.fromEntries(
      parameters
        .filter((parameter) => parameter.in === "header" && parameter.name !== "Fluxo-Tenant")
        .map(({ name, schema }) => [name, sometimes(headerText(schema), name === "Idempotency-Key" ? 1 : 3)]),
    ),
  );
  const schema = operation.requestBody?.content["application/json"].schema;
  const body: fc.Arbitrary<GivenBody> = schema === undefined ? sometimes(fc.constantFrom(...BODIES), 5).map((content) => ({ content })) : bodyOf(fc.tuple(fromSchema(schema, components), fc.boolean()).map(([value, isKnown]) => (isKnown ? withKnown(value, ids) : value)));
  return fc.record({ params: inPath, query: inQuery, headers: inHeader, body }).map(({ params, query, headers, body: { content, isIntruded = false } }) => {
    const path = route.path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => encodeURIComponent(wellFormed(params[name] ?? "")) || "%20");
    const search = new URLSearchParams();
    for (const [name, values] of Object.entries(query)) for (const value of values ?? []) search.append(name, value);
    const given = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return { path: search.size === 0 ? path : `${path}?${search.toString()}`, headers: Object.fromEntries(given), body: content, isIntruded };
  });
}

/** Absent so many times as it is there. */
function sometimes<T>(given: fc.Arbitrary<T>, absent: number): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: absent, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: given });
}

/** Mostly fields that there are. */
function fieldsQuery(route: RouteDefinition, other: fc.Arbitrary<string>): fc.Arbitrary<readonly string[]> {
  const names = fieldsOf(route)?.names ?? [];
  const one = names.length === 0 ? other : fc.oneof({ weight: 4, arbitrary: fc.subarray([...names], { minLength: 1, maxLength: Math.min(names.length, 3) }).map((some) => some.join(",")) }, { weight: 1, arbitrary: other });
  return one.map((text) => [text]);
}

/** A body that names what there is, wherever it names something. */
function withKnown(value: unknown, ids: Readonly<Record<string, readonly string[]>>, name = ""): unknown {
  if (Array.isArray(value)) return value.map((inner) => withKnown(inner, ids, name.replace(/s$/, "")));
  if (typeof value === "object" && value !== null) return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withKnown(inner, ids, key)]));
  return typeof value === "string" ? (ids[name]?.[0] ?? value) : value;
}

function queryOf(name: string, schema: Schema, text: (schema: Schema) => fc.Arbitrary<string>, ids: Readonly<Record<string, readonly string[]>>): fc.Arbitrary<readonly string[]> {
  const { items } = schema;
  const one = typeof items === "object" && items !== null ? text(items as Schema) : text(schema);
  const known = ids[name];
  const value = known === undefined ? one : fc.oneof(fc.constantFrom(...known), one);
  return fc.array(value, { minLength: 1, maxLength: items === undefined ? 1 : 2 });
}

interface GivenBody {
  readonly content: string | undefined;
  readonly isIntruded?: boolean;
}

/** Mostly what the document allows, some of it with one value replaced or one field more, some of it no JSON at all. */
function bodyOf(allowed: fc.Arbitrary<unknown>): fc.Arbitrary<GivenBody> {
  const replaced = fc.tuple(allowed, fc.nat(), fc.constantFrom(...VALUES)).map(([value, place, hostile]) => replaceAt(value, place, hostile));
  const intruded = allowed.filter((value) => typeof value === "object" && value !== null && !Array.isArray(value)).map((value) => ({ ...(value as object), ...INTRUDER }));
  const asText = (content: unknown): GivenBody => ({ content: JSON.stringify(content) });
  return fc.oneof(
    { weight: 5, arbitrary: allowed.map(asText) },
    { weight: 5, arbitrary: replaced.map(asText) },
    { weight: 2, arbitrary: intruded.map((value) => ({ ...asText(value), isIntruded: true })) },
    { weight: 1, arbitrary: fc.constantFrom(...BODIES).map((content) => ({ content })) },
    { weight: 1, arbitrary: fc.constant({ content: undefined }) },
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

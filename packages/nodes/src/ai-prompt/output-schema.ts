import { canonicalJson } from "@fluxo/core/canonical-json";
import { compareText } from "@fluxo/core/collections";
import type { Json, JsonObject } from "@fluxo/core/json";
import { jsonPointer } from "@fluxo/core/json-pointer";
import { isJsonObject } from "../schemas/json.ts";

const DEPTH_MAX = 12;
const SCHEMAS_MAX = 500;
const PROBLEMS_MAX = 5;

const TYPES: ReadonlySet<Json> = new Set(["object", "array", "string", "number", "integer", "boolean", "null"]);

/** Keywords that hold one schema, a list of them, schemas by name. */
const SCHEMA = new Set(["items", "additionalProperties"]);
const SCHEMA_LIST = new Set(["anyOf"]);
const SCHEMA_MAP = new Set(["properties"]);
const COUNTS = new Set(["minLength", "maxLength", "minItems", "maxItems"]);
const NUMBERS = new Set(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]);
/** Handed on to the model, not checked. */
const ANNOTATIONS = new Set(["title", "description", "default", "examples", "format"]);

/** What is wrong with a schema or a value, and where. */
export interface Problem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/**
 * Checks that a schema keeps to the part of JSON Schema that is understood here. Left out on purpose: `pattern` (a tenant's regular expression would run in the
 * worker) and `$ref` (schemas stay trees, so that checking is linear).
 */
export function schemaProblems(schema: JsonObject): readonly Problem[] {
  const problems: Problem[] = [];
  const pending: { readonly schema: Json; readonly path: readonly (string | number)[] }[] = [{ schema, path: [] }];
  for (const next of pending) {
    if (pending.length > SCHEMAS_MAX || next.path.length > DEPTH_MAX * 2) {
      return [{ path: [], message: `must have at most ${SCHEMAS_MAX} parts and ${DEPTH_MAX} levels` }];
    }
    if (!isJsonObject(next.schema)) {
      problems.push({ path: next.path, message: "must be a schema" });
      continue;
    }
    for (const [keyword, value] of Object.entries(next.schema)) {
      const path = [...next.path, keyword];
      const message = keywordProblem(keyword, value);
      if (message !== undefined) {
        problems.push({ path, message });
      } else {
        pending.push(...innerSchemas(keyword, value, path));
      }
    }
  }
  return schema["type"] === "object" ? problems : [{ path: ["type"], message: "must be object at the top" }, ...problems];
}

function keywordProblem(keyword: string, value: Json): string | undefined {
  if (keyword === "type") {
    return [value].flat().every((type) => TYPES.has(type)) ? undefined : "must be a JSON type, or an array of these";
  }
  if (keyword === "required") {
    return Array.isArray(value) && value.every((name) => typeof name === "string") ? undefined : "must be an array of names";
  }
  if (keyword === "enum") {
    return Array.isArray(value) && value.length > 0 ? undefined : "must be an array of values";
  }
  if (SCHEMA_LIST.has(keyword)) {
    return Array.isArray(value) && value.length > 0 ? undefined : "must be an array of schemas";
  }
  if (SCHEMA_MAP.has(keyword)) {
    return isJsonObject(value) ? undefined : "must be an object of schemas";
  }
  if (COUNTS.has(keyword)) {
    return Number.isInteger(value) && Number(value) >= 0 ? undefined : "must be a whole number from 0 on";
  }
  if (NUMBERS.has(keyword)) {
    return typeof value === "number" ? undefined : "must be a number";
  }
  return SCHEMA.has(keyword) || ANNOTATIONS.has(keyword) || keyword === "const" ? undefined : "is not a keyword that is understood here";
}

function innerSchemas(keyword: string, value: Json, path: readonly (string | number)[]): { schema: Json; path: readonly (string | number)[] }[] {
  if (SCHEMA.has(keyword)) {
    return typeof value === "boolean" && keyword === "additionalProperties" ? [] : [{ schema: value, path }];
  }
  if (SCHEMA_LIST.has(keyword) && Array.isArray(value)) {
    return value.map((schema, index) => ({ schema, path: [...path, index] }));
  }
  return SCHEMA_MAP.has(keyword) && isJsonObject(value) ? Object.entries(value).map(([name, schema]) => ({ schema, path: [...path, name] })) : [];
}

/** Whether every object of a schema is closed and needs all of its members: what providers ask for before they keep strictly to it. */
export function isStrict(schema: Json): boolean {
  if (!isJsonObject(schema)) {
    return true;
  }
  const { properties, required, items, anyOf } = schema;
  const isObject = [schema["type"] ?? null].flat().includes("object");
  const names = isJsonObject(properties) ? Object.keys(properties) : [];
  const needed = Array.isArray(required) ? required : [];
  const isClosed = !isObject || (schema["additionalProperties"] === false && names.every((name) => needed.includes(name)));
  const inner = [...(isJsonObject(properties) ? Object.values(properties) : []), ...(Array.isArray(anyOf) ? anyOf : []), ...(items === undefined ? [] : [items])];
  return isClosed && inner.every(isStrict);
}

/** What does not fit a schema that has no problems, as text: a few of many, without the values. */
export function mismatches(value: Json, schema: JsonObject): readonly string[] {
  return problemsOf(value, schema, [])
    .slice(0, PROBLEMS_MAX)
    .map(({ path, message }) => `${path.length === 0 ? "the answer" : jsonPointer(path)} ${message}`);
}

function problemsOf(value: Json, schema: Json | undefined, path: readonly (string | number)[]): Problem[] {
  if (!isJsonObject(schema)) {
    return [];
  }
  const { type, enum: allowed, const: fixed, anyOf } = schema;
  const problem = (message: string): Problem[] => [{ path, message }];
  if (type !== undefined && ![type].flat().some((name) => isOfType(value, name))) {
    return problem(`must be ${[type].flat().map((name) => (typeof name === "string" ? name : "")).join(" or ")}`);
  }
  if (fixed !== undefined && canonicalJson(fixed) !== canonicalJson(value)) {
    return problem("must be the constant that the schema names");
  }
  if (Array.isArray(allowed) && !allowed.some((member) => canonicalJson(member) === canonicalJson(value))) {
    return problem("must be one of the values that the schema names");
  }
  if (Array.isArray(anyOf) && !anyOf.some((branch) => problemsOf(value, branch, path).length === 0)) {
    return problem("must fit one of the schemas in anyOf");
  }
  return [...boundProblems(value, schema).map((message) => ({ path, message })), ...memberProblems(value, schema, path)];
}

function isOfType(value: Json, type: Json): boolean {
  switch (type) {
    case "object":
      return isJsonObject(value);
    case "array":
      return Array.isArray(value);
    case "null":
      return value === null;
    case "integer":
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

type Bound = readonly [keyword: string, message: string, holds: (size: number, bound: number) => boolean];

const LENGTH_BOUNDS: readonly Bound[] = [
  ["minLength", "must have at least %s characters", (size, bound) => size >= bound],
  ["maxLength", "must have at most %s characters", (size, bound) => size <= bound],
];
const ITEM_BOUNDS: readonly Bound[] = [
  ["minItems", "must have at least %s items", (size, bound) => size >= bound],
  ["maxItems", "must have at most %s items", (size, bound) => size <= bound],
];
const NUMBER_BOUNDS: readonly Bound[] = [
  ["minimum", "must be at least %s", (size, bound) => size >= bound],
  ["maximum", "must be at most %s", (size, bound) => size <= bound],
  ["exclusiveMinimum", "must be more than %s", (size, bound) => size > bound],
  ["exclusiveMaximum", "must be less than %s", (size, bound) => size < bound],
];

function boundProblems(value: Json, schema: JsonObject): string[] {
  if (typeof value === "string") {
    return brokenBounds([...value].length, schema, LENGTH_BOUNDS);
  }
  if (typeof value === "number") {
    return brokenBounds(value, schema, NUMBER_BOUNDS);
  }
  return Array.isArray(value) ? brokenBounds(value.length, schema, ITEM_BOUNDS) : [];
}

function brokenBounds(size: number, schema: JsonObject, bounds: readonly Bound[]): string[] {
  return bounds.flatMap(([keyword, message, holds]) => {
    const bound = schema[keyword];
    return typeof bound === "number" && !holds(size, bound) ? [message.replace("%s", String(bound))] : [];
  });
}

function memberProblems(value: Json, schema: JsonObject, path: readonly (string | number)[]): Problem[] {
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => problemsOf(item, schema["items"], [...path, index]));
  }
  if (!isJsonObject(value)) {
    return [];
  }
  const properties = isJsonObject(schema["properties"]) ? schema["properties"] : {};
  const required = Array.isArray(schema["required"]) ? schema["required"].map(String) : [];
  const missing = required.filter((name) => !Object.hasOwn(value, name)).map((name): Problem => ({ path: [...path, name], message: "must be there" }));
  const members = Object.keys(value)
    .toSorted(compareText)
    .flatMap((name): Problem[] => {
      const member = value[name] ?? null;
      if (Object.hasOwn(properties, name)) {
        return problemsOf(member, properties[name], [...path, name]);
      }
      return schema["additionalProperties"] === false ? [{ path: [...path, name], message: "must not be there" }] : problemsOf(member, schema["additionalProperties"], [...path, name]);
    });
  return [...missing, ...members];
}

import { z } from "zod";
import type { Json } from "../json.ts";
import type { NodeDefinition } from "../node/definition.ts";
import { hasTemplate, parseTemplate, type PathPart } from "../templates/parse.ts";
import type { GraphNode } from "./graph.ts";

/** A JSON Schema, or a part of one. */
export type JsonSchema = z.core.JSONSchema.BaseSchema;

/** A kind of JSON value, as people name it. */
export type ValueKind = "text" | "number" | "boolean" | "null" | "object" | "array";

/** What a contract says of a path. `open`: nothing. `missing`: it can never be there; `step` is the first step that cannot, `value` what stands before it. */
export type PathType =
  | { readonly kind: "open" }
  | { readonly kind: "known"; readonly schema: JsonSchema }
  | { readonly kind: "missing"; readonly step: number; readonly members: readonly string[]; readonly value: string };

const OPEN: PathType = { kind: "open" };

/** The output of a failed node that is handled, as the engine makes it. */
const FAILURE: JsonSchema = {
  type: "object",
  properties: { error: { type: "object", properties: { message: { type: "string" }, code: { type: "string" }, errorClass: { type: "string" } }, required: ["message", "code", "errorClass"], additionalProperties: false } },
  required: ["error"],
  additionalProperties: false,
};

/** What a saved node can output: its type's contract, narrowed by its parameters where the type can say so; with a handled failure where one is taken. */
export function outputSchemaOf({ params, onError }: GraphNode, definition: NodeDefinition): JsonSchema {
  const schema = definition.outputSchema?.(params) ?? jsonSchemaOf(definition.output);
  return onError === "stop" ? schema : { anyOf: [schema, FAILURE] };
}

/** What a parameter as saved becomes when its templates are filled in: a text that is one template becomes anything. */
export function filledInSchema(value: Json): JsonSchema {
  if (value === null) return { type: "null" };
  if (Array.isArray(value)) return { type: "array" };
  if (typeof value === "object") return { type: "object", properties: Object.fromEntries(Object.entries(value).map(([key, member]) => [key, filledInSchema(member)])), additionalProperties: false };
  if (typeof value === "number") return { type: "number" };
  if (typeof value === "boolean") return { type: "boolean" };
  return isOneExpression(value) ? {} : { type: "string" };
}

/** Such a text becomes the value itself, of any kind. What cannot be read is another check's matter. */
function isOneExpression(text: string): boolean {
  if (!hasTemplate(text)) return false;
  try {
    return parseTemplate(text).length === 1;
  } catch {
    return true;
  }
}

const cache = new WeakMap<z.ZodType, JsonSchema>();

/** The JSON Schema of a contract, as given: objects are closed where they are strict. What no schema can tell is open. */
export function jsonSchemaOf(type: z.ZodType): JsonSchema {
  const known = cache.get(type);
  if (known !== undefined) return known;
  const schema = z.toJSONSchema(type, { io: "input", unrepresentable: "any", reused: "inline" });
  cache.set(type, schema);
  return schema;
}

/** Follows a path as templates do: own members of objects, elements of arrays. */
export function typeAtPath(schema: JsonSchema, path: readonly PathPart[]): PathType {
  let current: PathType = { kind: "known", schema };
  for (const [step, part] of path.entries()) {
    if (current.kind !== "known") return current;
    current = memberType(current.schema, part, step);
  }
  return current;
}

/** The kinds of value that fit a schema; undefined when it leaves that open. */
export function kindsOf(schema: JsonSchema): ReadonlySet<ValueKind> | undefined {
  const alternatives = alternativesOf(schema);
  if (alternatives === undefined) return undefined;
  const kinds = new Set<ValueKind>();
  for (const { type } of alternatives) {
    if (type === undefined) return undefined;
    kinds.add(type);
  }
  return kinds;
}

interface Alternative {
  readonly schema: JsonSchema;
  readonly type: ValueKind | undefined;
}

const KINDS: Readonly<Record<string, ValueKind>> = { string: "text", number: "number", integer: "number", boolean: "boolean", null: "null", object: "object", array: "array" };

/** A schema as alternatives of one kind each; undefined when it uses what is not followed here. */
function alternativesOf(schema: JsonSchema): readonly Alternative[] | undefined {
  if (schema.$ref !== undefined || schema.allOf !== undefined || schema.not !== undefined || schema.if !== undefined) return undefined;
  const branches = schema.type === undefined ? (schema.anyOf ?? schema.oneOf) : undefined;
  if (branches !== undefined) {
    const parts = branches.map((branch) => (typeof branch === "boolean" ? undefined : alternativesOf(branch)));
    return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
  }
  const { type } = schema;
  if (Array.isArray(type)) return type.map((one: unknown) => ({ schema, type: KINDS[String(one)] }));
  return [{ schema, type: typeof type === "string" ? KINDS[type] : kindOfConstants(schema) }];
}

function kindOfConstants({ const: constant, enum: values }: JsonSchema): ValueKind | undefined {
  const constants: readonly unknown[] = values ?? (constant === undefined ? [] : [constant]);
  const kinds = new Set(constants.map((value) => (value === null ? "null" : KINDS[typeof value])));
  const [only] = kinds;
  return kinds.size === 1 ? only : undefined;
}

function memberType(schema: JsonSchema, part: PathPart, step: number): PathType {
  const alternatives = alternativesOf(schema);
  if (alternatives === undefined) return OPEN;
  const types = alternatives.map((alternative) => memberOfOne(alternative, part, step));
  if (types.some(({ kind }) => kind === "open")) return OPEN;
  const known = types.flatMap((type) => (type.kind === "known" ? [type.schema] : []));
  const [only, ...others] = known;
  if (only !== undefined) return { kind: "known", schema: others.length === 0 ? only : { anyOf: known } };
  const missing = types.flatMap((type) => (type.kind === "missing" ? [type] : []));
  return { kind: "missing", step, members: [...new Set(missing.flatMap(({ members }) => members))], value: [...new Set(missing.map(({ value }) => value))].join(" or ") };
}

function memberOfOne({ schema, type }: Alternative, part: PathPart, step: number): PathType {
  switch (type) {
    case undefined:
      return OPEN;
    case "object":
      return memberOfObject(schema, String(part), step);
    case "array":
      return elementOf(schema, part, step);
    default:
      return { kind: "missing", step, members: [], value: type === "null" ? "null" : `a ${type}` };
  }
}

function memberOfObject({ properties = {}, additionalProperties, patternProperties }: JsonSchema, key: string, step: number): PathType {
  const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
  if (property !== undefined) return typeOf(property);
  if (patternProperties !== undefined || additionalProperties === undefined) return OPEN;
  if (additionalProperties === false) return { kind: "missing", step, members: Object.keys(properties), value: "an object" };
  return typeOf(additionalProperties);
}

/** In an array a key of digits is an index, as templates read it. */
function elementOf({ items, prefixItems }: JsonSchema, part: PathPart, step: number): PathType {
  if (typeof part === "string" && !/^\d{1,9}$/.test(part)) return { kind: "missing", step, members: [], value: "an array" };
  if (prefixItems !== undefined || items === undefined || Array.isArray(items)) return OPEN;
  return typeOf(items);
}

function typeOf(schema: boolean | JsonSchema): PathType {
  return typeof schema === "boolean" ? OPEN : { kind: "known", schema };
}

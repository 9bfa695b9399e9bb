import { DANGEROUS_KEYS } from "@fluxo/core/graph/names";
import type { Json, JsonObject } from "@fluxo/core/json";
import { z } from "zod";

/** Most levels of nesting of a value that a node takes or gives. What is deeper is refused, because not every store and library can walk it. */
export const MAX_JSON_DEPTH = 500;

interface Container {
  readonly members: readonly unknown[];
  readonly depth: number;
}

/** Any JSON value. Its JSON Schema is the empty one, which accepts everything. */
export const jsonValueSchema = z.custom<Json>(isJson, `must be a JSON value of at most ${MAX_JSON_DEPTH} levels`);

/** Any JSON object, kept as it is, with its keys in their order. */
export const jsonObjectSchema = z.custom<JsonObject>(isJsonObject, `must be a JSON object of at most ${MAX_JSON_DEPTH} levels`).meta({ type: "object" });

/** Whether it is a JSON object: what `isJson` accepts, and neither an array nor a scalar. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && isJson(value);
}

/** Whether JSON carries the value without loss: no undefined, NaN, Date, BigInt, hole or cycle, and at most MAX_JSON_DEPTH levels. Does not recurse. */
export function isJson(value: unknown): value is Json {
  const pending: Container[] = [{ members: [value], depth: 0 }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const member of next.members) {
      if (isScalar(member)) {
        continue;
      }
      const members = membersOf(member);
      if (members === undefined || next.depth === MAX_JSON_DEPTH) {
        return false;
      }
      pending.push({ members, depth: next.depth + 1 });
    }
  }
  return true;
}

/** Whether a value is nested deeper than MAX_JSON_DEPTH; a cycle is as deep as can be. */
export function isTooDeep(value: unknown): boolean {
  const pending: Container[] = [{ members: [value], depth: 0 }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const member of next.members) {
      const members = membersOf(member);
      if (members === undefined) {
        continue;
      }
      if (next.depth === MAX_JSON_DEPTH) {
        return true;
      }
      pending.push({ members, depth: next.depth + 1 });
    }
  }
  return false;
}

/** The keys of an object that reach JavaScript's object machinery. Only its own level is looked at: deeper keys are data that nothing assigns. */
export function dangerousKeysOf(object: JsonObject): string[] {
  return Object.keys(object).filter((key) => DANGEROUS_KEYS.has(key));
}

function isScalar(value: unknown): boolean {
  return value === null || typeof value === "string" || typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value));
}

/** The members of an array (holes as undefined) or plain object; undefined for everything else. */
function membersOf(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) {
    return value;
  }
  if (typeof value !== "object" || value === null) {
    return undefined;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? Object.values(value) : undefined;
}

import { RequestError } from "@fluxo/core/errors/request-error";
import { DANGEROUS_KEYS } from "@fluxo/core/graph/names";
import type { Json } from "@fluxo/core/json";
import { jsonPointer } from "@fluxo/core/json-pointer";

/** Most levels of objects and arrays in a body. */
export const JSON_DEPTH_MAX = 64;

/** A key that reaches JavaScript's object machinery. @param path where it stands in the request */
export function keyRefused(path: readonly PropertyKey[]): RequestError {
  const issue = { path: jsonPointer(path), code: "KEY_REFUSED", message: "The keys __proto__, constructor and prototype are not accepted." };
  return new RequestError("VALIDATION_FAILED", { detail: issue.message, issues: [issue] });
}

/**
 * Parses a JSON body.
 * @throws RequestError MALFORMED_JSON; VALIDATION_FAILED for a dangerous key, more than 64 levels, or a number that would become Infinity
 */
export function parseJson(text: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new RequestError("MALFORMED_JSON");
  }
  assertHarmless(value);
  return value;
}

/** An object or array of the body, and how it was reached. */
interface Visit {
  readonly value: object;
  readonly depth: number;
  readonly key: PropertyKey;
  readonly parent: Visit | undefined;
}

/** Does not recurse. What JSON.parse gives has no cycles and, `__proto__` included, own properties only. */
function assertHarmless(root: unknown): asserts root is Json {
  const pending: Visit[] = [];
  const check = (value: unknown, key: PropertyKey, parent: Visit | undefined): void => {
    if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY) throw refused("NUMBER_TOO_LARGE", "A number is too large.", parent, key);
    if (typeof value !== "object" || value === null) return;
    const depth = (parent?.depth ?? 0) + 1;
    if (depth > JSON_DEPTH_MAX) throw refused("TOO_DEEP", `The body is nested more than ${JSON_DEPTH_MAX} levels deep.`, undefined, "body");
    pending.push({ value, depth, key, parent });
  };
  check(root, "body", undefined);
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (Array.isArray(next.value)) {
      for (const [index, member] of next.value.entries()) check(member, index, next);
    } else {
      for (const [key, member] of Object.entries(next.value)) {
        if (DANGEROUS_KEYS.has(key)) throw keyRefused(pathOf(next, key));
        check(member, key, next);
      }
    }
  }
}

function refused(code: string, message: string, parent: Visit | undefined, key: PropertyKey): RequestError {
  return new RequestError("VALIDATION_FAILED", { detail: message, issues: [{ path: jsonPointer(pathOf(parent, key)), code, message }] });
}

function pathOf(parent: Visit | undefined, key: PropertyKey): PropertyKey[] {
  const path = [key];
  for (let visit = parent; visit !== undefined; visit = visit.parent) path.unshift(visit.key);
  return path;
}

import { NodeError } from "@fluxo/core/errors/node-error";
import type { Json, JsonObject } from "@fluxo/core/json";
import type { NodeInput } from "@fluxo/core/node/executor";
import { ITEMS_MAX } from "../paths/items.ts";
import { valueAt } from "../paths/path.ts";
import { dangerousKeysOf } from "../schemas/json.ts";
import { PAIRS_MAX, type MergeParams } from "./definition.ts";

type Join = MergeParams["join"];

/** A list of objects that a branch gives. */
export type ObjectList = readonly JsonObject[];

/** One object of the members of all, where a later one wins. */
export function combined(objects: readonly JsonObject[]): JsonObject {
  return Object.fromEntries(objects.flatMap((object) => Object.entries(object)));
}

/** Joins lists element by element. */
export function combineByPosition(lists: readonly ObjectList[], join: Join): JsonObject[] {
  const lengths = lists.map(({ length }) => length);
  const length = { inner: Math.min(...lengths), left: lengths[0] ?? 0, outer: Math.max(...lengths) }[join];
  return Array.from({ length: lists.length === 0 ? 0 : length }, (_, index) => combined(lists.flatMap((list) => list.slice(index, index + 1))));
}

/** Joins lists by a key, one after the other. @throws NodeError DATA, PARAMS_INVALID for too many pairs */
export function combineByKey(lists: readonly ObjectList[], field: string, join: Join): JsonObject[] {
  const [first, ...others] = lists;
  let joined: Keyed[] = (first ?? []).map((object) => ({ key: keyOf(object, field), object }));
  for (const other of others) joined = joinTwo(joined, other.map((object) => ({ key: keyOf(object, field), object })), join);
  return joined.map(({ object }) => object);
}

/** The object that an output or an element is. @throws NodeError DATA, PARAMS_INVALID when it is none, or has a reserved member */
export function objectOf(value: Json, what: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw refused(`${what} is no object`);
  }
  const [dangerous] = dangerousKeysOf(value);
  if (dangerous !== undefined) {
    throw refused(`${what} has a member named ${dangerous}, which is reserved`);
  }
  return value;
}

/** The list of objects that a branch gives. @throws NodeError DATA, PARAMS_INVALID when it gives none */
export function listOf({ nodeId, output }: NodeInput, path: string | undefined): ObjectList {
  const list = valueAt(output, path);
  const what = `the output of "${nodeId}"${path === undefined ? "" : ` at ${path}`}`;
  if (!Array.isArray(list)) throw refused(`${what} is no list`);
  if (list.length > ITEMS_MAX) throw refused(`${what} has ${list.length} elements; ${ITEMS_MAX} are allowed`);
  return list.map((element, index) => objectOf(element, `element ${index} of ${what}`));
}

/** An element with its key; undefined is a key that no other equals. */
interface Keyed {
  readonly key: string | undefined;
  readonly object: JsonObject;
}

function joinTwo(left: readonly Keyed[], right: readonly Keyed[], join: Join): Keyed[] {
  const byKey = new Map<string, Keyed[]>();
  for (const keyed of right) {
    if (keyed.key === undefined) continue;
    const same = byKey.get(keyed.key) ?? [];
    byKey.set(keyed.key, same);
    same.push(keyed);
  }
  const joined: Keyed[] = [];
  const met = new Set<string>();
  for (const { key, object } of left) {
    const partners = key === undefined ? undefined : byKey.get(key);
    if (key !== undefined && partners !== undefined) met.add(key);
    if (joined.length + (partners?.length ?? 1) > PAIRS_MAX) throw refused(`these would make more than ${PAIRS_MAX} elements`);
    if (partners !== undefined) joined.push(...partners.map((partner) => ({ key, object: combined([object, partner.object]) })));
    else if (join !== "inner") joined.push({ key, object });
  }
  return join === "outer" ? [...joined, ...right.filter(({ key }) => key === undefined || !met.has(key))] : joined;
}

function keyOf(object: JsonObject, field: string): string | undefined {
  const value = valueAt(object, field);
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? JSON.stringify(value) : undefined;
}

function refused(reason: string): NodeError {
  return new NodeError(`The merge joins objects, but ${reason}.`, { errorClass: "DATA", code: "PARAMS_INVALID" });
}

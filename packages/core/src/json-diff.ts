import { at, compareText } from "./collections.ts";
import type { Json } from "./json.ts";
import { jsonPointer, pointerPath } from "./json-pointer.ts";

/** One difference of two JSON values. `path` is a JSON pointer; the empty one is the whole value. `from` is absent for `add`, `to` for `remove`. */
export interface JsonChange {
  readonly op: "add" | "remove" | "replace";
  readonly path: string;
  readonly from?: Json;
  readonly to?: Json;
}

/**
 * What turns one value into another, in the order of the paths. Objects are compared member by member, arrays of the same length element by element;
 * of arrays whose length differs the whole array is replaced, since which element went where cannot be told.
 */
export function diffJson(from: Json, to: Json): JsonChange[] {
  return changesOf(from, to, []);
}

function changesOf(from: Json, to: Json, path: readonly (string | number)[]): JsonChange[] {
  if (isObject(from) && isObject(to)) {
    const names = [...new Set([...Object.keys(from), ...Object.keys(to)])].toSorted(compareText);
    return names.flatMap((name) => memberChanges(valueOf(from, name), valueOf(to, name), [...path, name]));
  }
  if (Array.isArray(from) && Array.isArray(to) && from.length === to.length) return from.flatMap((item, index) => changesOf(item, at(to, index), [...path, index]));
  return isSame(from, to) ? [] : [{ op: "replace", path: jsonPointer(path), from, to }];
}

function memberChanges(from: Json | undefined, to: Json | undefined, path: readonly (string | number)[]): JsonChange[] {
  if (from === undefined) return to === undefined ? [] : [{ op: "add", path: jsonPointer(path), to }];
  if (to === undefined) return [{ op: "remove", path: jsonPointer(path), from }];
  return changesOf(from, to, path);
}

/** Whether two JSON values are equal; the order of members does not count, and -0 is 0. */
export function isSame(left: Json, right: Json): boolean {
  if (isObject(left) && isObject(right)) {
    const names = Object.keys(left);
    return names.length === Object.keys(right).length && names.every((name) => isSameMember(valueOf(left, name), valueOf(right, name)));
  }
  if (Array.isArray(left) && Array.isArray(right)) return left.length === right.length && left.every((item, index) => isSame(item, at(right, index)));
  return left === right;
}

function isSameMember(left: Json | undefined, right: Json | undefined): boolean {
  return left !== undefined && right !== undefined && isSame(left, right);
}

/**
 * The value with changes made to it, as `diffJson` found them: `applyChanges(a, diffJson(a, b))` is `b`. Objects on the way that are not there are made.
 * @returns undefined when a change removes the whole value
 */
export function applyChanges(value: Json, changes: readonly JsonChange[]): Json | undefined {
  return changes.reduce<Json | undefined>((result, { op, path, to }) => placed(result, pointerPath(path), op === "remove" ? undefined : to), value);
}

/** The value at a JSON pointer; undefined where there is none. */
export function valueAt(value: Json, pointer: string): Json | undefined {
  return pointerPath(pointer).reduce<Json | undefined>((inner, part) => {
    if (Array.isArray(inner)) return /^(?:0|[1-9]\d*)$/.test(part) ? inner[Number(part)] : undefined;
    return isObject(inner) ? valueOf(inner, part) : undefined;
  }, value);
}

function placed(target: Json | undefined, path: readonly string[], to: Json | undefined): Json | undefined {
  const [name, ...rest] = path;
  if (name === undefined) return to;
  if (Array.isArray(target)) return target.map((item, index) => (String(index) === name ? (placed(item, rest, to) ?? null) : item));
  const object = isObject(target) ? target : {};
  const inner = placed(valueOf(object, name), rest, to);
  const others = Object.entries(object).filter(([other]) => other !== name);
  // Members are defined, never assigned: a name such as __proto__ is a name like any other.
  return Object.fromEntries(inner === undefined ? others : [...others, [name, inner]]);
}

function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An own member; none that comes from a prototype. */
function valueOf(object: { readonly [key: string]: Json }, name: string): Json | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

import { at, compareText } from "@fluxo/core/collections";
import type { Json } from "@fluxo/core/json";
import { jsonPointer } from "@fluxo/core/json-pointer";

/** JSON pointers to what differs, in the order of the keys. */
export interface Differences {
  readonly added: string[];
  readonly removed: string[];
  readonly changed: string[];
  /** Whether one of the lists was full. */
  isCut: boolean;
}

interface Pair {
  readonly path: readonly PropertyKey[];
  readonly before: Json;
  readonly now: Json;
}

/** What differs between two values, at most `limit` of each kind. Works at any depth. */
export function differencesOf(before: Json, now: Json, limit: number): Differences {
  const found: Differences = { added: [], removed: [], changed: [], isCut: false };
  const note = (kind: "added" | "removed" | "changed", path: readonly PropertyKey[]): void => {
    if (found[kind].length === limit) {
      found.isCut = true;
    } else {
      found[kind].push(jsonPointer(path));
    }
  };
  const pending: Pair[] = [{ path: [], before, now }];
  for (let pair = pending.pop(); pair !== undefined; pair = pending.pop()) {
    const { path } = pair;
    const [left, right] = [membersOf(pair.before), membersOf(pair.now)];
    if (left === undefined || right === undefined || Array.isArray(pair.before) !== Array.isArray(pair.now)) {
      if (left !== undefined || right !== undefined || pair.before !== pair.now) {
        note("changed", path);
      }
      continue;
    }
    const inner: Pair[] = [];
    for (const [key, value] of left) {
      const other = right.get(key);
      if (other === undefined) {
        note("removed", [...path, key]);
      } else {
        inner.push({ path: [...path, key], before: value, now: other });
      }
    }
    for (const key of right.keys()) {
      if (!left.has(key)) {
        note("added", [...path, key]);
      }
    }
    for (let index = inner.length - 1; index >= 0; index -= 1) {
      pending.push(at(inner, index));
    }
  }
  return found;
}

/** The members of an object or list by key, in the order of their keys; undefined for everything else. */
function membersOf(value: Json): Map<string, Json> | undefined {
  if (typeof value !== "object" || value === null) {
    return undefined;
  }
  const entries = Object.entries(value);
  return new Map(Array.isArray(value) ? entries : entries.toSorted(([left], [right]) => compareText(left, right)));
}

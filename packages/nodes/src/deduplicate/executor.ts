import { canonicalJson } from "@fluxo/core/canonical-json";
import { at } from "@fluxo/core/collections";
import type { Json } from "@fluxo/core/json";
import type { NodeExecutor } from "@fluxo/core/node/executor";
import { refuseItem, valueAt } from "../paths/path.ts";
import type { DeduplicateParams } from "./definition.ts";

const HOUR_MS = 3_600_000;

/** Asks the memory of the node which keys are new. @throws NodeError DATA, PARAMS_INVALID for an element without key; what the memory throws */
export const executeDeduplicate: NodeExecutor<DeduplicateParams> = async ({ items, keyPath, key, windowHours }, context) => {
  const elements = items ?? (key === undefined ? [] : [key]);
  const keys = elements.map((element, index) => keyOf(element, keyPath, index));
  const distinct = [...new Set(keys)];
  const answers = await context.memory.remember(distinct, windowHours * HOUR_MS);
  const fresh = new Set(distinct.filter((_, index) => at(answers, index)));
  // Of equal elements of one list, the first is the new one.
  const kept = elements.filter((_, index) => fresh.delete(at(keys, index)));
  return { kind: "done", output: { isNew: kept.length > 0, items: kept, count: kept.length, duplicates: elements.length - kept.length } };
};

function keyOf(element: Json, keyPath: string | undefined, index: number): string {
  const value = valueAt(element, keyPath);
  if (value === undefined || (value === null && keyPath !== undefined)) {
    throw refuseItem("items", index, keyPath, "must be there, because it is the key");
  }
  return canonicalJson(value);
}

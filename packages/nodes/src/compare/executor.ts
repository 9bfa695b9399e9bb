import { NodeError } from "@fluxo/core/errors/node-error";
import type { Json } from "@fluxo/core/json";
import type { NodeExecutor } from "@fluxo/core/node/executor";
import { jsonBytes } from "@fluxo/core/size";
import { refuseItem, valueAt } from "../paths/path.ts";
import { DIFFERENCES_MAX, VALUE_BYTES_MAX, type CompareParams } from "./definition.ts";
import { differencesOf } from "./difference.ts";

/** @throws NodeError DATA: DATA_TOO_LARGE, PARAMS_INVALID for a list that `keyPath` does not fit; what the memory throws */
export const executeCompare: NodeExecutor<CompareParams> = async ({ value, name, keyPath, onFirst }, context) => {
  if (jsonBytes(value) > VALUE_BYTES_MAX) {
    throw new NodeError(`value has more than ${VALUE_BYTES_MAX} bytes of JSON, which is the most that is kept.`, { errorClass: "DATA", code: "DATA_TOO_LARGE" });
  }
  const now = keyPath === undefined ? value : byKey(value, keyPath);
  const previous = await context.memory.exchange(name === undefined ? `item ${context.item}` : `name ${name}`, value);
  if (previous === undefined) {
    const output = { isFirst: true, isChanged: false, added: [], removed: [], changed: [], isCut: false, previous: null };
    return { kind: "done", output, ports: [onFirst] };
  }
  const differences = differencesOf(keyPath === undefined ? previous : (keyed(previous, keyPath) ?? previous), now, DIFFERENCES_MAX);
  const isChanged = differences.added.length + differences.removed.length + differences.changed.length > 0;
  return { kind: "done", output: { isFirst: false, isChanged, ...differences, previous }, ports: [isChanged ? "changed" : "unchanged"] };
};

/** The elements of a list by their key. @throws NodeError PARAMS_INVALID */
function byKey(value: Json, keyPath: string): Json {
  if (!Array.isArray(value)) {
    throw new NodeError("value must be a list, because keyPath tells how its elements are identified.", { errorClass: "DATA", code: "PARAMS_INVALID" });
  }
  const seen = new Set<string>();
  for (const [index, element] of value.entries()) {
    const key = keyOf(element, keyPath);
    if (key === undefined || seen.has(key)) {
      throw refuseItem("value", index, keyPath, key === undefined ? "must be a text, a number or a boolean, because it is the key" : "must differ from the keys of the other elements");
    }
    seen.add(key);
  }
  return keyed(value, keyPath) ?? value;
}

/** The same for a value that was kept when the parameters may have been others: undefined when it does not fit. */
function keyed(value: Json, keyPath: string): Json | undefined {
  if (!Array.isArray(value)) {
    return undefined;
  }
  const entries = value.map((element): [string | undefined, Json] => [keyOf(element, keyPath), element]);
  return entries.every((entry): entry is [string, Json] => entry[0] !== undefined) ? Object.fromEntries(entries) : undefined;
}

function keyOf(element: Json, keyPath: string): string | undefined {
  const key = valueAt(element, keyPath);
  return key === undefined || key === null || typeof key === "object" ? undefined : String(key);
}

import type { Json } from "@fluxo/core/json";
import type { NodeExecutor } from "@fluxo/core/node/executor";
import { parseInstant } from "@fluxo/core/templates/dates";
import { offload } from "../offload/offload.ts";
import { numberOf } from "../paths/number.ts";
import { refuseItem, valueAt } from "../paths/path.ts";
import type { SortKey, SortParams } from "./definition.ts";
import { inOrder } from "./order.ts";

/** Sorts stably by several keys. @throws NodeError DATA, PARAMS_INVALID for a value that a key cannot take */
export const executeSort: NodeExecutor<SortParams> = async ({ items, by }, context) => {
  const columns = by.map((key) => ({
    values: items.map((item, index) => keyOf(valueAt(item, key.path), key, index)),
    descending: key.order === "descending",
    locale: key.locale ?? null,
    caseSensitive: key.caseSensitive,
  }));
  const order = await offload("orderOf", { count: items.length, columns }, by.some(({ locale }) => locale !== undefined) ? items.length * by.length : 0, context);
  return { kind: "done", output: { items: inOrder(items, order), count: items.length } };
};

/** What is compared of one element; null when there is nothing. */
function keyOf(value: Json | undefined, { path, as }: SortKey, index: number): string | number | null {
  if (value === undefined || value === null) {
    return null;
  }
  const key = comparable(value, as);
  if (key === undefined) {
    throw refuseItem("items", index, path, `must be a ${as}`);
  }
  return key;
}

function comparable(value: Json, as: SortKey["as"]): string | number | undefined {
  switch (as) {
    case "number":
      return numberOf(value);
    case "text":
      return typeof value === "object" ? undefined : String(value);
    case "date":
      return typeof value === "string" ? parseInstant(value) : undefined;
    default:
      return as satisfies never;
  }
}

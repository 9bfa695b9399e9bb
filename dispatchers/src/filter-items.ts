import type { Json } from "@fluxo/core/json";
import { filterOf, filterRefusal } from "@fluxo/nodes/filters/evaluate";
import type { MarkedItem, SeenItem } from "@fluxo/prisma/dispatch/commit";

/**
 * Parts what a trigger saw by its own filter: what does not match is marked FILTERED, makes no execution and uses no quota.
 * @param config parameters of the trigger's node. @throws ZodError when its filter cannot be read
 */
export function filterItems(config: Json, seen: readonly SeenItem[]): { readonly items: readonly SeenItem[]; readonly marks: readonly MarkedItem[] } {
  const filter = filterOf(config);
  if (filter === undefined) return { items: seen, marks: [] };
  const items: SeenItem[] = [];
  const marks: MarkedItem[] = [];
  for (const item of seen) {
    const detail = filterRefusal(filter, item.input);
    if (detail === undefined) items.push(item);
    else marks.push({ key: item.key, occurredAt: item.occurredAt, reason: "FILTERED", detail });
  }
  return { items, marks };
}

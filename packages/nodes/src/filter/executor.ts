import type { NodeExecutor } from "@fluxo/core/node/executor";
import { evaluateConditions } from "../conditions/evaluate.ts";
import { valueAt } from "../paths/path.ts";
import type { FilterParams } from "./definition.ts";

/** Keeps the items that pass. */
export const executeFilter: NodeExecutor<FilterParams> = ({ items, conditions, match }) => {
  const kept = items.filter((item) => evaluateConditions(conditions.map(({ field, ...rest }) => ({ ...rest, left: valueAt(item, field) ?? null })), match).result);
  return { kind: "done", output: { kept, dropped: items.length - kept.length } };
};

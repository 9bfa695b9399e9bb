import type { NodeExecutor } from "@fluxo/core/node/executor";
import type { LimitParams } from "./definition.ts";

/** Keeps the elements between two places of the list. */
export const executeLimit: NodeExecutor<LimitParams> = ({ items, count, from, skip }) => {
  const end = Math.max(0, items.length - skip);
  const kept = from === "first" ? items.slice(skip, skip + count) : items.slice(Math.max(0, end - count), end);
  return { kind: "done", output: { items: kept, count: kept.length, omitted: items.length - kept.length } };
};

import { NodeError } from "@fluxo/core/errors/node-error";
import type { NodeExecutor } from "@fluxo/core/node/executor";
import type { ForEachParams } from "./definition.ts";

/** Hands the items to the engine, which runs the body. @throws NodeError DATA, PARAMS_INVALID for more items than `itemsMax` */
export const executeForEach: NodeExecutor<ForEachParams> = ({ items, concurrency, onItemError, itemsMax }) => {
  if (items.length > itemsMax) {
    throw new NodeError(`The list has ${items.length} elements; itemsMax allows ${itemsMax}.`, { errorClass: "DATA", code: "PARAMS_INVALID" });
  }
  return { kind: "loop", work: { items, concurrency, onItemError } };
};

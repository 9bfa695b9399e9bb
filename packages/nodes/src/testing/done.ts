import type { NodeResult } from "@fluxo/core/node/executor";

/** The result of an attempt that ends its node. @throws TypeError when it does something else */
export function doneOf(result: NodeResult): Extract<NodeResult, { readonly kind: "done" }> {
  if (result.kind !== "done") {
    throw new TypeError(`The attempt did not end its node: ${result.kind}.`);
  }
  return result;
}

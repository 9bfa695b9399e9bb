import { compareText } from "@fluxo/core/collections";
import { describeCatalog, type NodeTypeDescription } from "@fluxo/nodes/catalog";

/** The catalog by type. It cannot change while the process lives. */
export const nodeTypeDescriptions: readonly NodeTypeDescription[] = describeCatalog().toSorted((left, right) => compareText(left.type, right.type));

/** A node type as it is answered. */
export function toNodeTypeAnswer(description: NodeTypeDescription): NodeTypeDescription & { [key: string]: unknown } {
  return { ...description };
}

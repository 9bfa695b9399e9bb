import type { graphDiffShape, jsonChangeSchema } from "@fluxo/contracts/http/workflows";
import type { GraphDiff } from "@fluxo/core/graph/diff";
import type { JsonChange } from "@fluxo/core/json-diff";
import type { z } from "zod";

/** The difference of two graphs as it is answered. */
export function toDiffAnswer({ isSame, nodes, edges, triggers }: GraphDiff): z.input<z.ZodObject<typeof graphDiffShape>> {
  return {
    isSame,
    nodes: { added: [...nodes.added], removed: [...nodes.removed], changed: nodes.changed.map(({ id, changes }) => ({ id, changes: changes.map(toChangeAnswer) })) },
    edges: { added: [...edges.added], removed: [...edges.removed] },
    triggers: [...triggers],
  };
}

/** One difference of two JSON values as it is answered. */
export function toChangeAnswer(change: JsonChange): z.input<typeof jsonChangeSchema> {
  return { ...change };
}

import type { Json } from "../json.ts";

/** The values that templates see. Node outputs are visible as `nodes.<id>`, `<id>` and `<alias>`; a node that did not finish has none. */
export interface TemplateContext {
  readonly trigger: Json;
  /** What an execution tells about itself: id, workflow, start, attempt. */
  readonly execution: Json;
  /** In the body of a loop: the element that it is run with; undefined elsewhere. */
  readonly item?: Json;
  /** In the body of a loop: `index` of the element, from 0, and their `count`; undefined elsewhere. */
  readonly loop?: Json;
  /** The committed output of a node; undefined when there is none. */
  output(nodeId: string): Json | undefined;
  /** The id of the node that an alias names; undefined when it names none. */
  nodeOf(alias: string): string | undefined;
}

/** A context over outputs (by node id) and aliases (alias to node id, as a plan has them). The maps are read at every lookup, not copied. */
export function templateContext(parts: {
  readonly trigger: Json;
  readonly execution: Json;
  readonly outputs: ReadonlyMap<string, Json>;
  readonly aliases: ReadonlyMap<string, string>;
}): TemplateContext {
  return {
    trigger: parts.trigger,
    execution: parts.execution,
    output: (nodeId) => parts.outputs.get(nodeId),
    nodeOf: (alias) => parts.aliases.get(alias),
  };
}

/** What the body of a loop sees for one item: all that is seen around the loop, the outputs of its own nodes for this item (read at every lookup), and the item. */
export function itemContext(around: TemplateContext, parts: { readonly item: Json; readonly index: number; readonly count: number; readonly outputs: ReadonlyMap<string, Json> }): TemplateContext {
  return {
    trigger: around.trigger,
    execution: around.execution,
    item: parts.item,
    loop: { index: parts.index, count: parts.count },
    output: (nodeId) => (parts.outputs.has(nodeId) ? parts.outputs.get(nodeId) : around.output(nodeId)),
    nodeOf: (alias) => around.nodeOf(alias),
  };
}

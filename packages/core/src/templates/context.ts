import type { Json } from "../json.ts";

/** The values that templates see. Node outputs are visible as `nodes.<id>`, `<id>` and `<alias>`; a node that did not finish has none. */
export interface TemplateContext {
  readonly trigger: Json;
  /** What an execution tells about itself: id, workflow, start, attempt. */
  readonly execution: Json;
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

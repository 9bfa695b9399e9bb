import type { NodeDefinition } from "../node/definition.ts";

/** What graph validation needs to know about node types. A definition's `ports` must answer for all parameters that fit its schema, also with templates in them. */
export interface NodeCatalog {
  /** The definition of a node type; undefined when there is none. */
  get(type: string): NodeDefinition | undefined;
}

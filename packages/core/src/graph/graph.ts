import { z } from "zod";

/** A node id or an alias: what templates and failures name. Reserved roots of the template context are refused by `validateGraph`. */
export const nodeIdSchema = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, "must start with a letter and hold letters, digits, '_' or '-' (64 at most)");

/** How one node is tried again; absent fields take the defaults of the node type's retry class. */
export const retrySettingsSchema = z.strictObject({
  maxAttempts: z.int().min(1).max(20).optional(),
  initialDelayMs: z.int().min(0).max(86_400_000).optional(),
  maxDelayMs: z.int().min(0).max(86_400_000).optional(),
});

/** `stop`: the execution fails. `continue`: the failure becomes the node's output. `branch`: the `error` port is taken. */
export const onErrorSchema = z.enum(["stop", "continue", "branch"]);

export const graphNodeSchema = z.strictObject({
  id: nodeIdSchema,
  type: z.string().min(1).max(64),
  /** Shown to people; free text. */
  name: z.string().min(1).max(200).optional(),
  /** A second, readable name in templates: `{{ alias.path }}`. Unique in the graph and distinct from every node id. */
  alias: nodeIdSchema.optional(),
  params: z.record(z.string(), z.json()).default({}),
  retry: retrySettingsSchema.optional(),
  timeoutMs: z.int().min(1).max(3_600_000).optional(),
  onError: onErrorSchema.default("stop"),
  /** Canvas position; no meaning to the engine, and no part of the content hash. */
  position: z.strictObject({ x: z.number(), y: z.number() }).optional(),
});

export const graphEdgeSchema = z.strictObject({
  from: nodeIdSchema,
  /** The output port of `from`: `main` unless the node type branches. */
  port: z.string().min(1).max(64).default("main"),
  to: nodeIdSchema,
});

/** A workflow as saved: nodes and edges in any order. Two graphs with the same content in another order have the same hash. */
export const graphSchema = z.strictObject({
  nodes: z.array(graphNodeSchema).max(1_000),
  edges: z.array(graphEdgeSchema).max(5_000),
});

export type GraphNode = z.output<typeof graphNodeSchema>;
export type GraphEdge = z.output<typeof graphEdgeSchema>;
export type Graph = z.output<typeof graphSchema>;
export type RetrySettings = z.output<typeof retrySettingsSchema>;
export type OnError = z.output<typeof onErrorSchema>;

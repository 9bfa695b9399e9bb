import { z } from "zod";
import { nodeIdSchema, type Graph } from "../graph/graph.ts";
import type { GraphIssue } from "../graph/issue.ts";
import { isSame, valueAt } from "../json-diff.ts";
import { jsonPointer } from "../json-pointer.ts";
import { graphDocument } from "./graph-document.ts";

/** A part of a template that tenants must leave as it is: a node, or what a JSON pointer into the node names. */
export const templateLockSchema = z.strictObject({
  nodeId: nodeIdSchema,
  path: z
    .string()
    .max(500)
    .regex(/^(?:\/(?:[^~/]|~[01])*)*$/, "must be a JSON pointer")
    .default(""),
});
export const templateLocksSchema = z.array(templateLockSchema).max(500);
export type TemplateLock = z.output<typeof templateLockSchema>;

/** The pointer of a lock into the document of a graph. */
export function lockPointer({ nodeId, path }: TemplateLock): string {
  return `${jsonPointer(["nodes", nodeId])}${path}`;
}

/** The locked parts in which a graph differs from the template's. @param base the template's graph, filled in for the tenant */
export function findLockIssues(base: Graph, graph: Graph, locks: readonly TemplateLock[]): GraphIssue[] {
  if (locks.length === 0) return [];
  const [before, after] = [graphDocument(base), graphDocument(graph)];
  return locks.flatMap((lock): GraphIssue[] => {
    const [is, must] = [valueAt(after, lockPointer(lock)), valueAt(before, lockPointer(lock))];
    if (is === must || (is !== undefined && must !== undefined && isSame(is, must))) return [];
    const index = graph.nodes.findIndex(({ id }) => id === lock.nodeId);
    const what = lock.path === "" ? `The node "${lock.nodeId}"` : `"${lock.path}" of the node "${lock.nodeId}"`;
    return [{ code: "TEMPLATE_LOCKED", nodeId: lock.nodeId, path: index === -1 ? "/nodes" : `${jsonPointer(["nodes", index])}${lock.path}`, message: `${what} is locked by the agency's template.` }];
  });
}

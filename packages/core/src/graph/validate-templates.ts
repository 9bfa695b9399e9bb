import { jsonPointer } from "../json-pointer.ts";
import { pathText, type Reference } from "../templates/parse.ts";
import { scanTemplates } from "../templates/references.ts";
import type { GraphNode } from "./graph.ts";
import type { GraphIssue } from "./issue.ts";

/** What the names in templates can stand for. */
export interface GraphNames {
  /** Node index by id. */
  readonly indexes: ReadonlyMap<string, number>;
  /** Node index by alias. */
  readonly aliases: ReadonlyMap<string, number>;
  /** Whether some path leads from the first node to the second (by index). */
  readonly isBefore: (first: number, second: number) => boolean;
}

/** Texts that are no templates, and references that can never be there, whatever happens in an execution. */
export function findTemplateIssues(node: GraphNode, index: number, isTrigger: boolean, names: GraphNames): GraphIssue[] {
  const { references, problems } = scanTemplates(node.params);
  const pathOf = (pointer: string): string => `${jsonPointer(["nodes", index, "params"])}${pointer}`;
  const issues = problems.map(({ path, error }): GraphIssue => {
    const code = error.code === "TEMPLATE_SYNTAX" ? "TEMPLATE_SYNTAX" : "PARAMS_INVALID";
    return { code, nodeId: node.id, path: pathOf(path), message: error.message };
  });
  for (const { path, reference } of references) {
    const problem = isTrigger ? "a trigger is read before anything else, so nothing can be there" : problemOf(reference, node, index, names);
    if (problem !== undefined) {
      issues.push({ code: "TEMPLATE_REFERENCE_UNKNOWN", nodeId: node.id, path: pathOf(path), message: `The template names ${pathText(reference)}: ${problem}.` });
    }
  }
  return issues;
}

function problemOf(reference: Reference, node: GraphNode, index: number, names: GraphNames): string | undefined {
  const { scope, name } = reference;
  if (scope === "trigger" || scope === "execution") {
    return undefined;
  }
  const target = names.indexes.get(name) ?? (scope === "name" ? names.aliases.get(name) : undefined);
  if (target === undefined) {
    return scope === "node" ? `there is no node with the id "${name}"` : `no node has "${name}" as its id or alias`;
  }
  return names.isBefore(target, index) ? undefined : `the node "${name}" does not come before "${node.id}"`;
}

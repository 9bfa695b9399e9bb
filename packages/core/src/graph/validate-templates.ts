import { jsonPointer } from "../json-pointer.ts";
import type { CompileResult } from "../templates/compile.ts";
import { pathText, type Reference } from "../templates/parse.ts";
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
  /** Whether the first node has ended whenever the second one starts, whichever branch a node that joins the first one goes on with. */
  readonly isSurelyBefore: (first: number, second: number) => boolean;
  /** By index of a node in the body of a loop: the loop. */
  readonly loopOf: ReadonlyMap<number, { readonly index: number; readonly id: string }>;
}

/** Texts that are no templates, and references that can never be there, whatever happens in an execution. */
export function findTemplateIssues(node: GraphNode, index: number, { references, problems }: CompileResult, isTrigger: boolean, names: GraphNames): GraphIssue[] {
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
  const around = names.loopOf.get(index);
  if (scope === "item" || scope === "loop") {
    return around === undefined ? `"${node.id}" is not in the body of a loop` : undefined;
  }
  const target = names.indexes.get(name) ?? (scope === "name" ? names.aliases.get(name) : undefined);
  if (target === undefined) {
    return scope === "node" ? `there is no node with the id "${name}"` : `no node has "${name}" as its id or alias`;
  }
  if (target === around?.index) {
    return "the loop has no output before all of its items have ended; its body sees item and loop";
  }
  const other = names.loopOf.get(target);
  if (other !== undefined && other.index !== around?.index) {
    return `the node "${name}" is in the body of the loop "${other.id}"; read the output of the loop`;
  }
  if (!names.isBefore(target, index)) {
    return `the node "${name}" does not come before "${node.id}"`;
  }
  return names.isSurelyBefore(target, index) ? undefined : `the node "${name}" may end after "${node.id}" starts, because a merge between them goes on with the first branch`;
}

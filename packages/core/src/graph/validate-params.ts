import type { z } from "zod";
import { jsonPointer } from "../json-pointer.ts";
import type { NodeDefinition } from "../node/definition.ts";
import { hasTemplate } from "../templates/parse.ts";
import type { GraphNode } from "./graph.ts";
import type { GraphIssue } from "./issue.ts";

/**
 * What the node type's schema says about parameters as saved. What a template will fill in is not judged; a trigger's parameters
 * are read before there is an execution, so no template will ever fill them in.
 */
export function findParamsIssues(node: GraphNode, index: number, definition: NodeDefinition): GraphIssue[] {
  const result = definition.params.safeParse(node.params);
  const found = result.success ? [] : result.error.issues;
  const pathOf = (path: readonly PropertyKey[]): string => jsonPointer(["nodes", index, "params", ...path]);
  const issues = found.flatMap((issue): GraphIssue[] => {
    if (definition.kind !== "trigger" && !isLiteral(issue, definition) && canBeFilledIn(issue, node.params)) {
      return [];
    }
    return [{ code: "PARAMS_INVALID", nodeId: node.id, path: pathOf(issue.path), message: issue.message }];
  });
  const further = issues.length > 0 ? [] : (definition.findIssues?.(node.params) ?? []);
  return issues.concat(further.map(({ code, path, message }) => ({ code, nodeId: node.id, path: pathOf(path), message })));
}

/** Whether it is about a parameter in which no template is read. */
function isLiteral({ path }: z.core.$ZodIssue, { literalParams = [] }: NodeDefinition): boolean {
  return literalParams.some((name) => name === path[0]);
}

/** Keys are no templates, so an unknown key stays unknown. */
function canBeFilledIn(issue: z.core.$ZodIssue, params: unknown): boolean {
  return issue.code !== "unrecognized_keys" && containsTemplate(valueAt(params, issue.path));
}

/** The value at a path, or the text, number or the like that stands in its way: a template there may bring in the rest. */
function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== "object" || value === null) {
      return value;
    }
    value = Object.getOwnPropertyDescriptor(value, key)?.value;
  }
  return value;
}

function containsTemplate(root: unknown): boolean {
  const pending = [root];
  for (const value of pending) {
    if (typeof value === "string" && hasTemplate(value)) {
      return true;
    }
    if (typeof value === "object" && value !== null) {
      for (const member of Object.values(value)) {
        pending.push(member);
      }
    }
  }
  return false;
}

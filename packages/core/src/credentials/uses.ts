import type { NodeCatalog } from "../graph/catalog.ts";
import type { Graph } from "../graph/graph.ts";
import type { GraphIssue } from "../graph/issue.ts";
import { jsonPointer } from "../json-pointer.ts";
import type { CredentialKind } from "./kinds.ts";

/** A place of a graph that names a credential. */
export interface CredentialUse {
  readonly nodeId: string;
  readonly nodeName: string | undefined;
  readonly nodeType: string;
  readonly param: string;
  /** JSON pointer into the graph. */
  readonly path: string;
  /** What stands there as saved, whatever it is. */
  readonly value: string;
  readonly kinds: readonly CredentialKind[];
}

/** An id as credentials have it, in the form that the database answers. */
const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Every place of a graph that names a credential, in the order of the graph. Nodes of unknown types have none. */
export function credentialUsesOf(graph: Graph, catalog: NodeCatalog): CredentialUse[] {
  return graph.nodes.flatMap((node, index) =>
    (catalog.get(node.type)?.credentials ?? []).flatMap(({ param, kinds }): CredentialUse[] => {
      const value = node.params[param];
      if (typeof value !== "string") return [];
      return [{ nodeId: node.id, nodeName: node.name, nodeType: node.type, param, path: jsonPointer(["nodes", index, "params", param]), value, kinds }];
    }),
  );
}

/** The ids that uses name. What is no id (a template, say) is left out. */
export function credentialIdsOf(uses: readonly CredentialUse[]): string[] {
  return [...new Set(uses.flatMap(({ value }) => (ID.test(value) ? [value] : [])))];
}

/**
 * What keeps a graph from being published because of its credentials: each must be named by its id, be one of the tenant's own and of a kind that fits.
 * @param kindsById the credentials of the tenant among those that are named
 */
export function findCredentialIssues(uses: readonly CredentialUse[], kindsById: ReadonlyMap<string, string>): GraphIssue[] {
  return uses.flatMap(({ nodeId, path, param, value, kinds }): GraphIssue[] => {
    if (!ID.test(value)) return [{ code: "CREDENTIAL_UNKNOWN", nodeId, path, message: `"${param}" must be the id of a credential; a template cannot make one.` }];
    const kind = kindsById.get(value);
    if (kind === undefined) return [{ code: "CREDENTIAL_UNKNOWN", nodeId, path, message: "The tenant has no credential with this id." }];
    if (kinds.some((fitting) => fitting === kind)) return [];
    return [{ code: "CREDENTIAL_KIND_WRONG", nodeId, path, message: `The credential is of the kind ${kind}; this node takes ${kinds.join(", ")}.` }];
  });
}

import { credentialUsesOf } from "@fluxo/core/credentials/uses";
import { graphSchema } from "@fluxo/core/graph/graph";
import { findGraphsWithId } from "@fluxo/prisma/credentials/usages";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { nodeCatalog } from "../../../publishing/graph-catalog.ts";

/** A node of a published version or a draft that uses a credential. */
export interface CredentialUsage {
  readonly workflowId: string;
  readonly workflowName: string;
  readonly state: "published" | "draft";
  readonly nodeId: string;
  readonly nodeName: string | null;
  readonly nodeType: string;
  readonly param: string;
}

/** Where a credential is used, by the name of the workflow. @param db of the tenant */
export async function findUsages(db: ScopedDb, tenantId: string, credentialId: string): Promise<CredentialUsage[]> {
  const graphs = await findGraphsWithId(db, tenantId, credentialId);
  return graphs.flatMap(({ graph, workflowId, workflowName, state }) =>
    credentialUsesOf(graphSchema.parse(graph), nodeCatalog)
      .filter(({ value }) => value === credentialId)
      .map(({ nodeId, nodeName, nodeType, param }) => ({ workflowId, workflowName, state, nodeId, nodeName: nodeName ?? null, nodeType, param })),
  );
}

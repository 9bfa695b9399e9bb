import type { TenantDb } from "@fluxo/prisma/database/tenant-db";
import { findCalledWorkflows } from "@fluxo/prisma/repositories/called-workflows";
import { invalid } from "../http/validate.ts";

/**
 * Refuses an error workflow that the tenant does not have, or whose published version has no trigger.error node.
 * @param tenantId of the key, or one that it may know
 * @param path JSON pointer of the field
 * @throws RequestError VALIDATION_FAILED
 */
export async function assertErrorWorkflow(tenantDb: TenantDb, tenantId: string, workflowId: string | null | undefined, path: string): Promise<void> {
  if (workflowId === null || workflowId === undefined) return;
  const found = (await tenantDb.withTenant(tenantId, (db) => findCalledWorkflows(db, tenantId, [workflowId], "error"))).get(workflowId);
  if (found === undefined) throw invalid([{ path, code: "unknown", message: "is not a workflow of this tenant" }]);
  if (!found.isPublished || !found.hasTrigger) throw invalid([{ path, code: "unsuitable", message: "must be a published workflow with a trigger.error node" }]);
}

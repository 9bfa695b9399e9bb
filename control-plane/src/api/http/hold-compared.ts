import type { RouteDefinition } from "@fluxo/contracts/http/route";
import type { TenantDb } from "@fluxo/prisma/database/tenant-db";
import { holdCredential, holdTenant, holdWorkflow } from "@fluxo/prisma/repositories/compared-rows";
import { z } from "zod";
import type { Access } from "../access/access.ts";

const idsSchema = z.object({ workflowId: z.uuid().optional(), credentialId: z.uuid().optional() });

/**
 * Holds the row that an If-Match is compared with, where others than requests write it (rollouts, token refresh, off-boarding): requests take turns already, and those
 * do not. To be called in the request's transaction, before the row is read.
 * @param reader the operation that reads what is compared
 * @param access that the reader gets
 */
export async function holdCompared(reader: RouteDefinition, { agencyId, tenantId }: Access, params: unknown, tenantDb: TenantDb): Promise<void> {
  if (tenantId === null || agencyId === null) return;
  const { workflowId, credentialId } = idsSchema.parse(params ?? {});
  if (reader.subject === "pathTenant") await tenantDb.withAgency(agencyId, (db) => holdTenant(db, tenantId));
  else if (workflowId !== undefined) await tenantDb.withTenant(tenantId, (db) => holdWorkflow(db, tenantId, workflowId));
  else if (credentialId !== undefined) await tenantDb.withTenant(tenantId, (db) => holdCredential(db, tenantId, credentialId));
}

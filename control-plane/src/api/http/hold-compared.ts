import type { RouteDefinition } from "@fluxo/contracts/http/route";
import type { TenantDb } from "@fluxo/prisma/database/tenant-db";
import { holdApiKey, holdCredential, holdMember, holdPriceLists, holdTenant, holdTenantByExternalId, holdWorkflow } from "@fluxo/prisma/repositories/compared-rows";
import { z } from "zod";
import type { Access } from "../access/access.ts";
import { inOwnScope } from "../handlers/own-scope.ts";

const idsSchema = z.object({ workflowId: z.uuid().optional(), credentialId: z.uuid().optional(), keyId: z.uuid().optional(), memberId: z.uuid().optional(), externalId: z.string().optional() });

/**
 * Holds the row that an If-Match is compared with, where others than requests about the same path write it (rollouts, token refresh, off-boarding, provisioning, a path that names the
 * same thing otherwise): requests about one path take turns already, and those do not. To be called in the request's transaction, before the row is read.
 * @param reader the operation that reads what is compared
 * @param access that the reader gets
 */
export async function holdCompared(reader: RouteDefinition, { agencyId, tenantId }: Access, params: unknown, tenantDb: TenantDb): Promise<void> {
  const { workflowId, credentialId, keyId, memberId, externalId } = idsSchema.parse(params ?? {});
  if (keyId !== undefined) await inOwnScope(agencyId, tenantDb, (db) => holdApiKey(db, keyId));
  else if (memberId !== undefined) await inOwnScope(agencyId, tenantDb, (db) => holdMember(db, memberId));
  if (agencyId === null) return;
  if (externalId !== undefined) await tenantDb.withAgency(agencyId, (db) => holdTenantByExternalId(db, agencyId, externalId));
  else if (reader.path.startsWith("/v1/price-lists/")) await tenantDb.withAgency(agencyId, (db) => holdPriceLists(db, agencyId));
  if (tenantId === null) return;
  if (reader.subject === "pathTenant") await tenantDb.withAgency(agencyId, (db) => holdTenant(db, tenantId));
  else if (workflowId !== undefined) await tenantDb.withTenant(tenantId, (db) => holdWorkflow(db, tenantId, workflowId));
  else if (credentialId !== undefined) await tenantDb.withTenant(tenantId, (db) => holdCredential(db, tenantId, credentialId));
}

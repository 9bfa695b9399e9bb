import type { tenantSchema } from "@fluxo/contracts/http/tenants";
import type { TenantRecord } from "@fluxo/prisma/repositories/tenants";
import type { z } from "zod";
import { toInstant } from "../instants.ts";

/** A tenant as it is answered. */
export function toTenantAnswer(tenant: TenantRecord): z.input<typeof tenantSchema> {
  return {
    id: tenant.id,
    name: tenant.name,
    externalId: tenant.externalId,
    planId: tenant.planId,
    timeZone: tenant.timeZone,
    status: tenant.status,
    suspensionReason: tenant.suspensionReason,
    errorWorkflowId: tenant.errorWorkflowId,
    createdAt: toInstant(tenant.createdAt),
    updatedAt: toInstant(tenant.updatedAt),
  };
}

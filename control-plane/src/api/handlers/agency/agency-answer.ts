import type { agencySchema } from "@fluxo/contracts/http/agency";
import type { AgencyRecord } from "@fluxo/prisma/repositories/agencies";
import type { z } from "zod";
import { toInstant } from "../instants.ts";

/** An agency as it is answered. */
export function toAgencyAnswer({ id, name, createdAt, errorTenantId, errorWorkflowId }: AgencyRecord): z.input<typeof agencySchema> {
  const errorWorkflow = errorTenantId === null || errorWorkflowId === null ? null : { tenantId: errorTenantId, workflowId: errorWorkflowId };
  return { id, name, errorWorkflow, createdAt: toInstant(createdAt) };
}

import type { managedAgencySchema } from "@fluxo/contracts/http/agencies";
import type { ManagedAgency } from "@fluxo/prisma/repositories/managed-agencies";
import type { z } from "zod";
import { toInstant } from "../instants.ts";

/** An agency as the operator gets it. */
export function toManagedAgencyAnswer({ id, name, status, suspendedAt, suspensionReason, limits, createdAt, updatedAt }: ManagedAgency): z.input<typeof managedAgencySchema> {
  return { id, name, status, suspendedAt: toInstant(suspendedAt), suspensionReason, limits, createdAt: toInstant(createdAt), updatedAt: toInstant(updatedAt) };
}

import type { memberSchema } from "@fluxo/contracts/http/members";
import { roleSchema } from "@fluxo/contracts/http/roles";
import type { MemberRecord } from "@fluxo/prisma/repositories/members";
import type { z } from "zod";
import { toInstant } from "../instants.ts";

/** A member as it is answered. */
export function toMemberAnswer({ id, email, name, role, tenantIds, createdAt, joinedAt, lastLoginAt }: MemberRecord): z.input<typeof memberSchema> {
  return {
    id,
    email,
    name,
    role: roleSchema.parse(role),
    tenantIds: tenantIds === null ? null : [...tenantIds],
    status: joinedAt === null ? "INVITED" : "ACTIVE",
    createdAt: toInstant(createdAt),
    joinedAt: toInstant(joinedAt),
    lastLoginAt: toInstant(lastLoginAt),
  };
}

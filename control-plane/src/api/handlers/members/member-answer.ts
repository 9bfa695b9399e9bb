import type { memberSchema } from "@fluxo/contracts/http/members";
import { roleSchema } from "@fluxo/contracts/http/roles";
import type { MemberRecord } from "@fluxo/prisma/repositories/members";
import type { z } from "zod";
import { toInstant } from "../instants.ts";

/** A member as it is answered. */
export function toMemberAnswer(member: MemberRecord): z.input<typeof memberSchema> {
  const { id, email, name, role, provisioned, tenantIds, createdAt, joinedAt, lastLoginAt, revokedAt } = member;
  return {
    id,
    email,
    name,
    role: roleSchema.parse(role),
    tenantIds: tenantIds === null ? null : [...tenantIds],
    origin: provisioned === null ? "INVITATION" : "PROVISIONING",
    externalUserId: provisioned?.externalUserId ?? null,
    status: statusOf(member),
    createdAt: toInstant(createdAt),
    joinedAt: toInstant(provisioned === null ? joinedAt : createdAt),
    lastLoginAt: toInstant(lastLoginAt),
    revokedAt: toInstant(revokedAt),
  };
}

function statusOf({ provisioned, joinedAt, revokedAt }: MemberRecord): z.input<typeof memberSchema>["status"] {
  if (provisioned !== null) return revokedAt === null ? "ACTIVE" : "REVOKED";
  return joinedAt === null ? "INVITED" : "ACTIVE";
}

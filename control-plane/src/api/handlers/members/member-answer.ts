import type { memberSchema } from "@fluxo/contracts/http/members";
import { roleSchema } from "@fluxo/contracts/http/roles";
import type { MemberRecord } from "@fluxo/prisma/repositories/members";
import type { z } from "zod";
import type { ApiServices } from "../../services.ts";
import { toInstant } from "../instants.ts";

type MemberAnswer = z.input<typeof memberSchema>;

/** Answers members as they are now. */
export function memberAnswers({ clock, signIns }: Pick<ApiServices, "clock" | "signIns">): (member: MemberRecord) => MemberAnswer {
  const now = clock.now();
  return (member) => toMemberAnswer(member, now, signIns.url);
}

function toMemberAnswer(member: MemberRecord, now: Date, signInUrl: string | null): MemberAnswer {
  const { id, email, name, role, provisioned, tenantIds, createdAt, joinedAt, invitationExpiresAt, lastLoginAt, revokedAt } = member;
  return {
    id,
    email,
    name,
    role: roleSchema.parse(role),
    tenantIds: tenantIds === null ? null : [...tenantIds],
    origin: provisioned === null ? "INVITATION" : "PROVISIONING",
    externalUserId: provisioned?.externalUserId ?? null,
    status: statusOf(member, now),
    invitation: joinedAt === null && invitationExpiresAt !== null ? { expiresAt: toInstant(invitationExpiresAt), signInUrl } : null,
    createdAt: toInstant(createdAt),
    joinedAt: toInstant(provisioned === null ? joinedAt : createdAt),
    lastLoginAt: toInstant(lastLoginAt),
    revokedAt: toInstant(revokedAt),
  };
}

function statusOf({ provisioned, joinedAt, invitationExpiresAt, revokedAt }: MemberRecord, now: Date): MemberAnswer["status"] {
  if (provisioned !== null) return revokedAt === null ? "ACTIVE" : "REVOKED";
  if (joinedAt !== null) return "ACTIVE";
  return invitationExpiresAt !== null && invitationExpiresAt > now ? "INVITED" : "EXPIRED";
}

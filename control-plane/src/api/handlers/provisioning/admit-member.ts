import type { ProvisionedRole, ProvisioningClaims } from "@fluxo/contracts/http/provisioning";
import { scopesOfRole } from "@fluxo/contracts/http/roles";
import { TENANT_SCOPES, type TenantScope } from "@fluxo/contracts/http/scopes";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { provisionMember } from "@fluxo/prisma/repositories/provisioned-members";

export interface Admission {
  readonly agencyId: string;
  readonly tenantId: string;
  /** As the token tells it. */
  readonly member: NonNullable<ProvisioningClaims["member"]>;
  /** The member's id, should it be new. */
  readonly id: string;
}

export interface AdmittedMember {
  readonly memberId: string;
  readonly scopes: TenantScope[];
  readonly endedKeyIds: readonly string[];
}

/** The member of a token, with what it may do in the tenant. @param db of the agency @throws RequestError MEMBER_REVOKED, SEATS_EXCEEDED */
export async function admitMember(db: ScopedDb, { agencyId, tenantId, member, id }: Admission, now: Date): Promise<AdmittedMember> {
  const { externalUserId, email, role } = member;
  const outcome = await provisionMember(db, { id, agencyId, tenantId, externalUserId, email, role }, now);
  switch (outcome.kind) {
    case "revoked":
      throw new RequestError("MEMBER_REVOKED");
    case "full":
      throw new RequestError("SEATS_EXCEEDED", { detail: `The tenant has ${outcome.tenant.seatsMax} seats, and they are taken.` });
    case "admitted":
      return { memberId: outcome.memberId, scopes: scopesOf(role), endedKeyIds: outcome.endedKeyIds };
    default:
      return outcome satisfies never;
  }
}

/** What the key of a person may do in the tenant: what a member with the role may do who is bound to it. */
function scopesOf(role: ProvisionedRole): TenantScope[] {
  const granted = scopesOfRole(role, true);
  return TENANT_SCOPES.filter((scope) => granted.has(scope));
}

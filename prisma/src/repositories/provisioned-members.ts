import type { ScopedDb } from "../database/tenant-db.ts";
import { fullTenants, type FullTenant } from "./members.ts";

/** A person as a provisioning token of its agency tells of it. */
export interface ProvisionedPerson {
  /** The member's id, should it be new. */
  readonly id: string;
  readonly agencyId: string;
  readonly tenantId: string;
  /** Its id in the agency's own systems. */
  readonly externalUserId: string;
  /** In lower case; absent: as it is known. */
  readonly email: string | undefined;
  readonly role: string;
}

/** `admitted` names the keys that ended, because they were given for another role. `revoked`: the member is refused. `full`: the person is new, and the tenant's plan has no seat left. */
export type ProvisioningOutcome =
  | { readonly kind: "admitted"; readonly memberId: string; readonly endedKeyIds: readonly string[] }
  | { readonly kind: "revoked" }
  | { readonly kind: "full"; readonly tenant: FullTenant };

const select = { id: true, role: true, revokedAt: true } as const;

/**
 * Finds or makes the member of a tenant that a token is about, as the token tells it. A new one takes a seat of the tenant's plan; of two tokens for the same person at once, the
 * second finds what the first made.
 * @param db of the agency
 */
export async function provisionMember(db: ScopedDb, person: ProvisionedPerson, now: Date): Promise<ProvisioningOutcome> {
  const { id, agencyId, tenantId, externalUserId, email, role } = person;
  const find = () => db.member.findUnique({ where: { tenantId_externalUserId: { tenantId, externalUserId } }, select });
  let known = await find();
  if (known === null) {
    const [full] = await fullTenants(db, [tenantId], id, now);
    // The tenant is held now: whoever made the person meanwhile has committed.
    known = await find();
    if (known === null && full !== undefined) return { kind: "full", tenant: full };
  }
  if (known === null) {
    await db.member.createMany({ data: [{ id, agencyId, tenantId, externalUserId, email: email ?? null, role, isBound: true, createdAt: now, lastLoginAt: now }] });
    await db.memberTenant.createMany({ data: [{ agencyId, memberId: id, tenantId }] });
    return { kind: "admitted", memberId: id, endedKeyIds: [] };
  }
  if (known.revokedAt !== null) return { kind: "revoked" };
  await db.member.updateMany({ where: { id: known.id, agencyId }, data: { role, lastLoginAt: now, ...(email === undefined ? {} : { email }) } });
  return { kind: "admitted", memberId: known.id, endedKeyIds: known.role === role ? [] : await endMemberKeys(db, agencyId, known.id, now) };
}

/** Revokes a provisioned member, frees its seat and ends its keys; of one that is revoked nothing changes. @param db of the agency @returns the keys that ended */
export async function revokeProvisionedMember(db: ScopedDb, agencyId: string, memberId: string, now: Date): Promise<string[]> {
  await db.member.updateMany({ where: { id: memberId, agencyId, revokedAt: null }, data: { revokedAt: now } });
  await db.memberTenant.deleteMany({ where: { agencyId, memberId } });
  return endMemberKeys(db, agencyId, memberId, now);
}

/** Lets a revoked member in again. That its tenant has a seat for it is the caller's to see to. @param db of the agency */
export async function restoreProvisionedMember(db: ScopedDb, agencyId: string, memberId: string, tenantId: string): Promise<void> {
  await db.member.updateMany({ where: { id: memberId, agencyId }, data: { revokedAt: null } });
  await db.memberTenant.createMany({ data: [{ agencyId, memberId, tenantId }], skipDuplicates: true });
}

/** Ends the live keys that tokens gave to a person. @param db of the agency @returns their ids */
export async function endMemberKeys(db: ScopedDb, agencyId: string, memberId: string, now: Date): Promise<string[]> {
  const live = await db.apiKey.findMany({ where: { agencyId, memberId, revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] }, select: { id: true } });
  const ids = live.map(({ id }) => id);
  if (ids.length > 0) await db.apiKey.updateMany({ where: { agencyId, id: { in: ids } }, data: { revokedAt: now } });
  return ids;
}

import type { ScopedDb } from "../database/tenant-db.ts";
import { pageOfRows, type Page } from "./page.ts";

/** A member of an agency, or of the operator (no agency). */
export interface MemberRecord {
  readonly id: string;
  /** Null only of one that was provisioned. */
  readonly email: string | null;
  readonly name: string | null;
  readonly role: string;
  /** Of one that was provisioned: the tenant that it is a member of, and its id in the agency's own systems. Null: it was invited. */
  readonly provisioned: { readonly tenantId: string; readonly externalUserId: string } | null;
  /** The only tenants that it reaches; null: not bound to tenants. */
  readonly tenantIds: readonly string[] | null;
  readonly createdAt: Date;
  /** null: invited, not signed in yet. */
  readonly joinedAt: Date | null;
  /** Until when an invitation can be taken up that was not yet. */
  readonly invitationExpiresAt: Date | null;
  /** Of one that was provisioned: when it last came with a token. */
  readonly lastLoginAt: Date | null;
  /** Of one that was provisioned: refused since then. */
  readonly revokedAt: Date | null;
}

export interface NewMember {
  readonly id: string;
  readonly agencyId: string | null;
  readonly email: string;
  readonly role: string;
  readonly tenantIds: readonly string[] | null;
  readonly invitationExpiresAt: Date;
}

export interface MemberChange {
  readonly role?: string | undefined;
  /** Absent: as it is. */
  readonly tenantIds?: readonly string[] | null | undefined;
}

/** A session of a member. */
export interface SessionRecord {
  readonly id: string;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  readonly expiresAt: Date;
  readonly ip: string | null;
  readonly userAgent: string | null;
}

const select = {
  id: true, email: true, name: true, role: true, tenantId: true, externalUserId: true, isBound: true, createdAt: true, joinedAt: true, invitationExpiresAt: true, lastLoginAt: true, revokedAt: true,
  tenants: { select: { tenantId: true }, orderBy: { tenantId: "asc" } },
} as const;

interface Row extends Omit<MemberRecord, "tenantIds" | "provisioned"> {
  readonly tenantId: string | null;
  readonly externalUserId: string | null;
  readonly isBound: boolean;
  readonly tenants: readonly { readonly tenantId: string }[];
}

function toMember({ tenantId, externalUserId, isBound, tenants, ...member }: Row): MemberRecord {
  return { ...member, provisioned: tenantId === null || externalUserId === null ? null : { tenantId, externalUserId }, tenantIds: isBound ? tenants.map((bound) => bound.tenantId) : null };
}

/** Newest first. @param db of the agency, or of the operator @param tenantId only those that are bound to it, or were provisioned for it */
export async function listMembers(db: ScopedDb, agencyId: string | null, limit: number, beforeId?: string, tenantId?: string): Promise<Page<MemberRecord>> {
  const ofTenant = tenantId === undefined ? {} : { OR: [{ tenantId }, { tenants: { some: { tenantId } } }] };
  const where = { agencyId, ...ofTenant, ...(beforeId === undefined ? {} : { id: { lt: beforeId } }) };
  const { items, hasMore } = pageOfRows(await db.member.findMany({ where, select, orderBy: { id: "desc" }, take: limit + 1 }), limit);
  return { items: items.map(toMember), hasMore };
}

/** @param db of the agency, or of the operator */
export async function findMember(db: ScopedDb, agencyId: string | null, id: string): Promise<MemberRecord | undefined> {
  const row = await db.member.findFirst({ where: { id, agencyId }, select });
  return row === null ? undefined : toMember(row);
}

/** Which of these tenants are not the agency's. @param db of the agency */
export async function foreignTenants(db: ScopedDb, agencyId: string, tenantIds: readonly string[]): Promise<string[]> {
  const own = new Set((await db.tenant.findMany({ where: { agencyId, id: { in: [...tenantIds] } }, select: { id: true } })).map(({ id }) => id));
  return tenantIds.filter((id) => !own.has(id));
}

/** A tenant whose plan has no seat left. */
export interface FullTenant {
  readonly tenantId: string;
  readonly seatsMax: number;
}

/**
 * Which of these tenants have no seat left for one more member. Whoever asks next for one of them waits for the end of this transaction.
 * @param db of the agency @param memberId who is not counted
 */
export async function fullTenants(db: ScopedDb, tenantIds: readonly string[], memberId: string, now: Date): Promise<FullTenant[]> {
  await db.$queryRaw`SELECT id FROM tenants WHERE id = ANY (${[...tenantIds]}::uuid[]) ORDER BY id FOR NO KEY UPDATE`;
  return db.$queryRaw<FullTenant[]>`
    SELECT t.id AS "tenantId", p.seats_max AS "seatsMax" FROM tenants t JOIN plans p ON p.id = t.plan_id
    WHERE t.id = ANY (${[...tenantIds]}::uuid[]) AND fluxo_seats_taken(t.id, ${memberId}::uuid, ${now}) >= p.seats_max`;
}

/** Invites a person. @param db of the agency, or of the operator @throws the unique violation of the address */
export async function inviteMember(db: ScopedDb, { id, agencyId, email, role, tenantIds, invitationExpiresAt }: NewMember): Promise<MemberRecord> {
  await db.member.createMany({ data: [{ id, agencyId, email, role, isBound: tenantIds !== null, invitationExpiresAt }] });
  if (agencyId !== null && tenantIds !== null) await db.memberTenant.createMany({ data: tenantIds.map((tenantId) => ({ agencyId, memberId: id, tenantId })) });
  return toMember(await db.member.findUniqueOrThrow({ where: { id }, select }));
}

/** Lets an invitation be taken up until another instant. @param db of the agency, or of the operator @returns undefined when there is none that was not taken up */
export async function renewInvitation(db: ScopedDb, agencyId: string | null, id: string, invitationExpiresAt: Date): Promise<MemberRecord | undefined> {
  const renewed = await db.member.updateMany({ where: { id, agencyId, joinedAt: null, externalUserId: null }, data: { invitationExpiresAt } });
  return renewed.count === 0 ? undefined : findMember(db, agencyId, id);
}

/** @param db of the agency @returns undefined when the agency has no such member */
export async function updateMember(db: ScopedDb, agencyId: string, id: string, { role, tenantIds }: MemberChange): Promise<MemberRecord | undefined> {
  const data = { ...(role === undefined ? {} : { role }), ...(tenantIds === undefined ? {} : { isBound: tenantIds !== null }) };
  const changed = await db.member.updateMany({ where: { id, agencyId }, data });
  if (changed.count === 0) return undefined;
  if (tenantIds !== undefined) {
    await db.memberTenant.deleteMany({ where: { agencyId, memberId: id } });
    await db.memberTenant.createMany({ data: (tenantIds ?? []).map((tenantId) => ({ agencyId, memberId: id, tenantId })) });
  }
  return findMember(db, agencyId, id);
}

/** Removes a member with its sessions. @param db of the agency, or of the operator @returns whether there was one */
export async function removeMember(db: ScopedDb, agencyId: string | null, id: string): Promise<boolean> {
  return (await db.member.deleteMany({ where: { id, agencyId } })).count > 0;
}

/** The live sessions of a member, newest first. @param db of the agency, or of the operator */
export function listSessions(db: ScopedDb, memberId: string, now: Date): Promise<SessionRecord[]> {
  return db.session.findMany({
    where: { memberId, expiresAt: { gt: now } },
    select: { id: true, createdAt: true, lastSeenAt: true, expiresAt: true, ip: true, userAgent: true },
    orderBy: { id: "desc" },
    take: 100,
  });
}

/** Ends sessions of a member. @param sessionId only this one; absent for all @returns how many */
export async function endSessions(db: ScopedDb, memberId: string, sessionId?: string): Promise<number> {
  return (await db.session.deleteMany({ where: { memberId, ...(sessionId === undefined ? {} : { id: sessionId }) } })).count;
}

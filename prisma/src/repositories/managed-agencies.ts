import { agencyLimitsSchema, type AgencyLimits } from "@fluxo/core/quota/agency-limits";
import type { ScopedDb } from "../database/tenant-db.ts";
import { pageOfRows, type Page } from "./page.ts";

/** An agency as the operator manages it. */
export interface ManagedAgency {
  readonly id: string;
  readonly name: string;
  readonly status: "ACTIVE" | "SUSPENDED";
  readonly suspendedAt: Date | null;
  readonly suspensionReason: string | null;
  readonly limits: AgencyLimits;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

type Row = Omit<ManagedAgency, "status" | "limits"> & { readonly status: string; readonly limits: unknown };

const select = { id: true, name: true, status: true, suspendedAt: true, suspensionReason: true, limits: true, createdAt: true, updatedAt: true } as const;

function toManaged({ status, limits, ...agency }: Row): ManagedAgency {
  return { ...agency, status: status === "SUSPENDED" ? "SUSPENDED" : "ACTIVE", limits: agencyLimitsSchema.parse(limits) };
}

/** Newest first. @param db of the operator */
export async function listManagedAgencies(db: ScopedDb, status: string | undefined, limit: number, beforeId?: string): Promise<Page<ManagedAgency>> {
  const where = { ...(status === undefined ? {} : { status }), ...(beforeId === undefined ? {} : { id: { lt: beforeId } }) };
  const { items, hasMore } = pageOfRows(await db.agency.findMany({ where, select, orderBy: { id: "desc" }, take: limit + 1 }), limit);
  return { items: items.map(toManaged), hasMore };
}

/** @param db of the operator */
export async function findManagedAgency(db: ScopedDb, agencyId: string): Promise<ManagedAgency | undefined> {
  const row = await db.agency.findUnique({ where: { id: agencyId }, select });
  return row === null ? undefined : toManaged(row);
}

/** @param db of the operator */
export async function createManagedAgency(db: ScopedDb, agency: { readonly id: string; readonly name: string; readonly limits: AgencyLimits }): Promise<ManagedAgency> {
  return toManaged(await db.agency.create({ data: { ...agency, limits: { ...agency.limits } }, select }));
}

/** Lets the rest of the operator's transaction see and write what is this agency's own, such as its first key. @param db of the operator */
export async function enterAgency(db: ScopedDb, agencyId: string): Promise<void> {
  await db.$queryRaw`SELECT set_config('app.agency_id', ${agencyId}, true)`;
}

/** @param db of the operator @returns undefined when there is no such agency */
export async function updateManagedAgency(db: ScopedDb, agencyId: string, change: { readonly name?: string | undefined; readonly limits?: AgencyLimits | undefined }): Promise<ManagedAgency | undefined> {
  const data = { ...(change.name === undefined ? {} : { name: change.name }), ...(change.limits === undefined ? {} : { limits: { ...change.limits } }) };
  await db.agency.updateMany({ where: { id: agencyId }, data });
  return findManagedAgency(db, agencyId);
}

/** One that is suspended keeps its time and reason. @param db of the operator @returns undefined when there is no such agency */
export async function suspendAgency(db: ScopedDb, agencyId: string, now: Date, reason: string | null): Promise<ManagedAgency | undefined> {
  await db.agency.updateMany({ where: { id: agencyId, status: "ACTIVE" }, data: { status: "SUSPENDED", suspendedAt: now, suspensionReason: reason } });
  return findManagedAgency(db, agencyId);
}

/** @param db of the operator @returns undefined when there is no such agency */
export async function resumeAgency(db: ScopedDb, agencyId: string): Promise<ManagedAgency | undefined> {
  await db.agency.updateMany({ where: { id: agencyId, status: "SUSPENDED" }, data: { status: "ACTIVE", suspendedAt: null, suspensionReason: null } });
  return findManagedAgency(db, agencyId);
}

/** What the operator allows an agency. @param db of that agency */
export async function findAgencyLimits(db: ScopedDb, agencyId: string): Promise<AgencyLimits> {
  const row = await db.agency.findUniqueOrThrow({ where: { id: agencyId }, select: { limits: true } });
  return agencyLimitsSchema.parse(row.limits);
}

import { RequestError } from "@fluxo/core/errors/request-error";
import type { ScopedDb } from "../database/tenant-db.ts";
import { findAgencyLimits } from "./managed-agencies.ts";
import { applyPlan, lockActiveWorkflows } from "./plans.ts";
import { pageOfRows, type Page } from "./page.ts";

/** A check constraint keeps the column to these. */
export type TenantStatus = "ACTIVE" | "SUSPENDED" | "OFFBOARDING";

export interface TenantRecord {
  readonly id: string;
  readonly name: string;
  readonly externalId: string | null;
  readonly planId: string;
  readonly timeZone: string;
  readonly status: TenantStatus;
  /** Of a suspended one, where somebody told. */
  readonly suspensionReason: string | null;
  readonly errorWorkflowId: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface TenantFilter {
  readonly externalId?: string | undefined;
  readonly status?: string | undefined;
}

export interface TenantChange {
  readonly name?: string | undefined;
  readonly planId?: string | undefined;
  readonly timeZone?: string | undefined;
  readonly status?: string | undefined;
  readonly suspensionReason?: string | null | undefined;
  readonly externalId?: string | null | undefined;
  readonly errorWorkflowId?: string | null | undefined;
}

const select = { id: true, name: true, externalId: true, planId: true, timeZone: true, status: true, suspensionReason: true, errorWorkflowId: true, createdAt: true, updatedAt: true } as const;

function typed(row: Omit<TenantRecord, "status"> & { readonly status: string }): TenantRecord {
  return { ...row, status: row.status as TenantStatus };
}

/** Newest first. @param db of the agency */
export async function listTenants(db: ScopedDb, agencyId: string, filter: TenantFilter, limit: number, beforeId?: string): Promise<Page<TenantRecord>> {
  const where = {
    agencyId,
    ...(filter.externalId === undefined ? {} : { externalId: filter.externalId }),
    ...(filter.status === undefined ? {} : { status: filter.status }),
    ...(beforeId === undefined ? {} : { id: { lt: beforeId } }),
  };
  return pageOfRows((await db.tenant.findMany({ where, select, orderBy: { id: "desc" }, take: limit + 1 })).map(typed), limit);
}

/** @param db of the agency or of the tenant */
export async function findTenant(db: ScopedDb, tenantId: string): Promise<TenantRecord | undefined> {
  const row = await db.tenant.findUnique({ where: { id: tenantId }, select });
  return row === null ? undefined : typed(row);
}

/** @param db of the agency */
export async function findTenantByExternalId(db: ScopedDb, agencyId: string, externalId: string): Promise<TenantRecord | undefined> {
  const row = await db.tenant.findUnique({ where: { agencyId_externalId: { agencyId, externalId } }, select });
  return row === null ? undefined : typed(row);
}

/** Which of the named tenants the agency has and may change: not those that are being off-boarded. @param db of the agency */
export async function findKnownTenants(db: ScopedDb, agencyId: string, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await db.tenant.findMany({ where: { agencyId, id: { in: [...new Set(ids)] }, status: { not: "OFFBOARDING" } }, select: { id: true } });
  return new Set(rows.map(({ id }) => id));
}

/** @param db of the agency @throws the unique violation of name or external id; RequestError TOO_MANY_TENANTS */
export async function createTenant(db: ScopedDb, tenant: { id: string; agencyId: string; planId: string; name: string; timeZone: string; externalId: string | null }): Promise<TenantRecord> {
  const { tenantsMax } = await findAgencyLimits(db, tenant.agencyId);
  if (tenantsMax !== undefined) {
    // New tenants of an agency take turns, so that each counts all others.
    await db.$queryRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`tenants:${tenant.agencyId}`}, 0))::text`;
    if ((await db.tenant.count({ where: { agencyId: tenant.agencyId } })) >= tenantsMax) throw new RequestError("TOO_MANY_TENANTS", { detail: `The operator allows ${tenantsMax} tenants.` });
  }
  return typed(await db.tenant.create({ data: tenant, select }));
}

/** @param db of the agency @returns undefined when the agency has no such tenant, or it is being off-boarded @throws the unique violation of name or external id */
export async function updateTenant(db: ScopedDb, agencyId: string, tenantId: string, change: TenantChange): Promise<TenantRecord | undefined> {
  const data = Object.fromEntries(Object.entries({ ...change, ...(change.status === "ACTIVE" ? { suspensionReason: null } : {}) }).filter(([, value]) => value !== undefined));
  // The windows of its quotas and what it may use follow from these two.
  const isOfPlan = change.planId !== undefined || change.timeZone !== undefined;
  if (isOfPlan && (await db.tenant.count({ where: { id: tenantId, agencyId } })) > 0) await lockActiveWorkflows(db, tenantId);
  const changed = await db.tenant.updateMany({ where: { id: tenantId, agencyId, status: { not: "OFFBOARDING" } }, data });
  if (isOfPlan && changed.count > 0) await applyPlan(db, tenantId);
  return changed.count === 0 ? undefined : findTenant(db, tenantId);
}

/** Whether PostgreSQL, whose clock counts quota windows, knows the time zone too. */
export async function isKnownTimeZone(db: ScopedDb, timeZone: string): Promise<boolean> {
  const rows = await db.$queryRaw<{ known: boolean }[]>`SELECT EXISTS (SELECT FROM pg_timezone_names WHERE lower(name) = lower(${timeZone})) AS known`;
  return rows[0]?.known === true;
}

/** Refuses a change of a tenant that is being off-boarded. @param db of the tenant @throws RequestError TENANT_OFFBOARDING */
export async function assertNotOffBoarding(db: ScopedDb, id: string): Promise<void> {
  if ((await db.tenant.count({ where: { id, status: "OFFBOARDING" } })) > 0) throw new RequestError("TENANT_OFFBOARDING");
}

import type { Json } from "@fluxo/core/json";
import type { ScopedDb } from "../database/tenant-db.ts";
import { fromJsonb, toJsonColumn } from "./json.ts";
import { pageOfRows, type Page } from "./page.ts";

/** A template in one tenant. */
export interface InstallationRecord {
  readonly tenantId: string;
  readonly templateId: string;
  readonly workflowId: string;
  readonly versionId: string;
  readonly versionNumber: number;
  readonly parameters: Json;
  /** Both or none. */
  readonly previousVersionId: string | null;
  readonly previousParameters: Json;
  readonly locks: Json;
  /** JSON changes from the base to the published graph. */
  readonly overrides: Json;
  /** The last version that could not be installed, and why. */
  readonly refusal: { readonly versionNumber: number; readonly code: string; readonly message: string } | null;
  readonly conflicts: Json;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** With the version's graph filled in for the tenant. */
export interface InstallationWithBase extends InstallationRecord {
  readonly base: Json;
}

export interface NewInstallation {
  readonly agencyId: string;
  readonly templateId: string;
  readonly workflowId: string;
  readonly versionId: string;
  readonly versionNumber: number;
  readonly parameters: unknown;
  readonly base: unknown;
  readonly locks: unknown;
}

/** What a move to another version writes. What was refused before is forgotten. */
export interface InstallationMove {
  readonly versionId: string;
  readonly versionNumber: number;
  readonly parameters: unknown;
  readonly previousVersionId: string;
  readonly previousParameters: unknown;
  readonly base: unknown;
  readonly locks: unknown;
  readonly overrides: unknown;
}

/** Which installations of a template: only those for which all of this holds. */
export interface InstallationFilter {
  readonly versionNumber?: number | undefined;
  /** Of an earlier version than this. */
  readonly beforeVersion?: number | undefined;
  readonly isRefused?: boolean | undefined;
  readonly hasOverrides?: boolean | undefined;
}

const select = {
  tenantId: true,
  templateId: true,
  workflowId: true,
  versionId: true,
  versionNumber: true,
  parameters: true,
  previousVersionId: true,
  previousParameters: true,
  locks: true,
  overrides: true,
  refusedVersionNumber: true,
  refusedCode: true,
  refusedMessage: true,
  conflicts: true,
  createdAt: true,
  updatedAt: true,
} as const;

type Column = Parameters<typeof fromJsonb>[0];
interface Row {
  readonly tenantId: string;
  readonly templateId: string;
  readonly workflowId: string;
  readonly versionId: string;
  readonly versionNumber: number;
  readonly parameters: Column;
  readonly previousVersionId: string | null;
  readonly previousParameters: Column;
  readonly locks: Column;
  readonly overrides: Column;
  readonly refusedVersionNumber: number | null;
  readonly refusedCode: string | null;
  readonly refusedMessage: string | null;
  readonly conflicts: Column;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

function toRecord({ refusedVersionNumber, refusedCode, refusedMessage, ...row }: Row): InstallationRecord {
  const isRefused = refusedVersionNumber !== null && refusedCode !== null && refusedMessage !== null;
  return {
    ...row,
    parameters: fromJsonb(row.parameters),
    previousParameters: fromJsonb(row.previousParameters),
    locks: fromJsonb(row.locks),
    overrides: fromJsonb(row.overrides),
    conflicts: fromJsonb(row.conflicts),
    refusal: isRefused ? { versionNumber: refusedVersionNumber, code: refusedCode, message: refusedMessage } : null,
  };
}

/** The installations of a template, by tenant. @param db of the agency @param afterTenantId only tenants after this one */
export async function listInstallations(db: ScopedDb, agencyId: string, templateId: string, filter: InstallationFilter, limit: number, afterTenantId?: string): Promise<Page<InstallationRecord & { readonly tenantName: string }>> {
  const { versionNumber, beforeVersion, isRefused, hasOverrides } = filter;
  const where = {
    agencyId,
    templateId,
    ...(afterTenantId === undefined ? {} : { tenantId: { gt: afterTenantId } }),
    versionNumber: { ...(versionNumber === undefined ? {} : { equals: versionNumber }), ...(beforeVersion === undefined ? {} : { lt: beforeVersion }) },
    ...(isRefused === undefined ? {} : { refusedCode: isRefused ? { not: null } : null }),
    ...(hasOverrides === undefined ? {} : { overrides: hasOverrides ? { not: [] } : { equals: [] } }),
  };
  const rows = await db.templateInstallation.findMany({ where, select: { ...select, tenant: { select: { name: true } } }, orderBy: { tenantId: "asc" }, take: limit + 1 });
  return pageOfRows(rows.map(({ tenant, ...row }) => ({ ...toRecord(row), tenantName: tenant.name })), limit);
}

/** How many tenants have which version of a template, newest version first. @param db of the agency */
export async function countInstallations(db: ScopedDb, agencyId: string, templateId: string): Promise<{ readonly number: number; readonly tenants: number }[]> {
  const rows = await db.templateInstallation.groupBy({ by: ["versionNumber"], where: { agencyId, templateId }, _count: true, orderBy: { versionNumber: "desc" } });
  return rows.map(({ versionNumber, _count }) => ({ number: versionNumber, tenants: _count }));
}

/** The tenants that have a template, all but those that are being off-boarded. @param db of the agency @param exceptVersionId leave out those that have this version */
export async function findInstalledTenants(db: ScopedDb, agencyId: string, templateId: string, exceptVersionId: string): Promise<string[]> {
  const rows = await db.templateInstallation.findMany({ where: { agencyId, templateId, versionId: { not: exceptVersionId }, tenant: { status: { not: "OFFBOARDING" } } }, select: { tenantId: true }, orderBy: { tenantId: "asc" } });
  return rows.map(({ tenantId }) => tenantId);
}

/** The installations of one tenant, by template. @param db of the tenant */
export async function listInstallationsOfTenant(db: ScopedDb, tenantId: string, limit: number, afterTemplateId?: string): Promise<Page<InstallationRecord>> {
  const where = { tenantId, ...(afterTemplateId === undefined ? {} : { templateId: { gt: afterTemplateId } }) };
  const rows = await db.templateInstallation.findMany({ where, select, orderBy: { templateId: "asc" }, take: limit + 1 });
  return pageOfRows(rows.map(toRecord), limit);
}

/** @param db of the tenant or of its agency */
export async function findInstallation(db: ScopedDb, tenantId: string, templateId: string): Promise<InstallationRecord | undefined> {
  const row = await db.templateInstallation.findUnique({ where: { tenantId_templateId: { tenantId, templateId } }, select });
  return row === null ? undefined : toRecord(row);
}

/** The installation that a workflow came from; undefined for a workflow of the tenant's own. @param db of the tenant */
export async function findInstallationOfWorkflow(db: ScopedDb, tenantId: string, workflowId: string): Promise<InstallationWithBase | undefined> {
  const row = await db.templateInstallation.findUnique({ where: { tenantId_workflowId: { tenantId, workflowId } }, select: { ...select, base: true } });
  return row === null ? undefined : { ...toRecord(row), base: fromJsonb(row.base) };
}

/** With its base, and locked until the transaction ends. @param db of the tenant */
export async function lockInstallation(db: ScopedDb, tenantId: string, templateId: string): Promise<InstallationWithBase | undefined> {
  await db.$queryRaw`SELECT 1 FROM template_installations WHERE tenant_id = ${tenantId}::uuid AND template_id = ${templateId}::uuid FOR UPDATE`;
  const row = await db.templateInstallation.findUnique({ where: { tenantId_templateId: { tenantId, templateId } }, select: { ...select, base: true } });
  return row === null ? undefined : { ...toRecord(row), base: fromJsonb(row.base) };
}

/** @param db of the tenant @throws the unique violation of a tenant that has the template already */
export async function createInstallation(db: ScopedDb, tenantId: string, { parameters, base, locks, ...installation }: NewInstallation): Promise<void> {
  await db.templateInstallation.create({ data: { tenantId, ...installation, parameters: toJsonColumn(parameters), base: toJsonColumn(base), locks: toJsonColumn(locks) }, select: { tenantId: true } });
}

/** @param db of the tenant */
export async function moveInstallation(db: ScopedDb, tenantId: string, templateId: string, move: InstallationMove): Promise<void> {
  const { versionId, versionNumber, previousVersionId, parameters, previousParameters, base, locks, overrides } = move;
  const json = { parameters: toJsonColumn(parameters), previousParameters: toJsonColumn(previousParameters), base: toJsonColumn(base), locks: toJsonColumn(locks), overrides: toJsonColumn(overrides) };
  const forgotten = { refusedVersionNumber: null, refusedCode: null, refusedMessage: null, conflicts: [] };
  await db.templateInstallation.update({ where: { tenantId_templateId: { tenantId, templateId } }, data: { versionId, versionNumber, previousVersionId, ...json, ...forgotten }, select: { tenantId: true } });
}

/** Notes what the published graph of an installed workflow has otherwise than its template. @param db of the tenant */
export async function setOverrides(db: ScopedDb, tenantId: string, templateId: string, overrides: unknown): Promise<void> {
  await db.templateInstallation.update({ where: { tenantId_templateId: { tenantId, templateId } }, data: { overrides: toJsonColumn(overrides) }, select: { tenantId: true } });
}

/** Notes that a version could not be installed. @param db of the tenant @returns whether the tenant has the template */
export async function refuseInstallation(db: ScopedDb, tenantId: string, templateId: string, refusal: { readonly versionNumber: number; readonly code: string; readonly message: string; readonly conflicts: unknown }): Promise<boolean> {
  const data = { refusedVersionNumber: refusal.versionNumber, refusedCode: refusal.code, refusedMessage: refusal.message, conflicts: toJsonColumn(refusal.conflicts) };
  return (await db.templateInstallation.updateMany({ where: { tenantId, templateId }, data })).count > 0;
}

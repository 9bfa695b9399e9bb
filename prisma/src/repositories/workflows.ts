import { RequestError } from "@fluxo/core/errors/request-error";
import type { Json } from "@fluxo/core/json";
import type { ScopedDb } from "../database/tenant-db.ts";
import { Prisma } from "../generated/client.ts";
import { inOrder, keysAcrossTenants, type TenantGroup } from "./across-tenants.ts";
import { fromJsonb, toJsonColumn } from "./json.ts";
import { limitWorkflows, lockActiveWorkflows } from "./plans.ts";
import { pageOfRows, type Page } from "./page.ts";

export interface WorkflowRecord {
  readonly tenantId: string;
  readonly id: string;
  readonly name: string;
  readonly isActive: boolean;
  readonly draftRevision: number;
  readonly publishedVersion: { readonly id: string; readonly number: number } | null;
  readonly errorWorkflowId: string | null;
  readonly queuedTtlSeconds: number | null;
  readonly archivedAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface DraftRecord {
  readonly revision: number;
  readonly graph: Json;
}

export interface WorkflowFilter {
  readonly isActive?: boolean | undefined;
  /** Only archived ones; otherwise only those that are not. */
  readonly isArchived: boolean;
  /** Text that the name holds, in any case. */
  readonly text?: string | undefined;
}

const select = {
  tenantId: true,
  id: true,
  name: true,
  isActive: true,
  draftRevision: true,
  publishedVersion: { select: { id: true, number: true } },
  errorWorkflowId: true,
  queuedTtlSeconds: true,
  archivedAt: true,
  createdAt: true,
  updatedAt: true,
} as const;

/** What is left of a deleted workflow is for its executions: nobody finds it as a workflow. */
const kept = { deletedAt: null } as const;

/** Newest first. @param db of the tenant */
export async function listWorkflows(db: ScopedDb, tenantId: string, filter: WorkflowFilter, limit: number, beforeId?: string): Promise<Page<WorkflowRecord>> {
  const where = {
    tenantId,
    ...kept,
    archivedAt: filter.isArchived ? { not: null } : null,
    ...(filter.isActive === undefined ? {} : { isActive: filter.isActive }),
    ...(filter.text === undefined ? {} : { name: { contains: filter.text.replaceAll(/[\\%_]/g, String.raw`\$&`), mode: "insensitive" as const } }),
    ...(beforeId === undefined ? {} : { id: { lt: beforeId } }),
  };
  return pageOfRows(await db.workflow.findMany({ where, select, orderBy: { id: "desc" }, take: limit + 1 }), limit);
}

/** Newest first, of many tenants. @param db across the agency's tenants */
export async function listWorkflowsAcross(db: ScopedDb, group: TenantGroup, filter: WorkflowFilter, limit: number, beforeId?: string): Promise<Page<WorkflowRecord>> {
  const conditions = [
    filter.isArchived ? Prisma.sql`x.archived_at IS NOT NULL AND x.deleted_at IS NULL` : Prisma.sql`x.archived_at IS NULL`,
    ...(filter.isActive === undefined ? [] : [Prisma.sql`x.is_active = ${filter.isActive}`]),
    ...(filter.text === undefined ? [] : [Prisma.sql`position(lower(${filter.text}) in lower(x.name)) > 0`]),
    ...(beforeId === undefined ? [] : [Prisma.sql`x.id < ${beforeId}::uuid`]),
  ];
  const list = { table: Prisma.sql`workflows`, where: Prisma.join(conditions, " AND "), order: Prisma.sql`x.id DESC`, columns: Prisma.empty };
  const keys = await keysAcrossTenants(db, group, list, limit + 1);
  const rows = keys.length === 0 ? [] : await db.workflow.findMany({ where: { OR: keys }, select });
  return pageOfRows(inOrder(rows, keys), limit);
}

/** @param db of the tenant */
export async function findWorkflow(db: ScopedDb, tenantId: string, id: string): Promise<WorkflowRecord | undefined> {
  return (await db.workflow.findUnique({ where: { tenantId_id: { tenantId, id }, ...kept }, select })) ?? undefined;
}

/** @param db of the tenant */
export async function hasWorkflow(db: ScopedDb, tenantId: string, id: string): Promise<boolean> {
  return (await db.workflow.count({ where: { tenantId, id, ...kept } })) > 0;
}

/** @param db of the tenant @throws the unique violation of the name */
export function createWorkflow(db: ScopedDb, tenantId: string, workflow: { id: string; name: string; draft: unknown }): Promise<WorkflowRecord> {
  return db.workflow.create({ data: { tenantId, id: workflow.id, name: workflow.name, draft: toJsonColumn(workflow.draft) }, select });
}

/**
 * Refuses what an archived workflow is not for: changes, and starts.
 * @param db of the tenant @throws RequestError WORKFLOW_ARCHIVED
 */
export async function assertNotArchived(db: ScopedDb, tenantId: string, id: string): Promise<void> {
  if ((await db.workflow.count({ where: { tenantId, id, archivedAt: { not: null } } })) > 0) throw new RequestError("WORKFLOW_ARCHIVED");
}

/** @param db of the tenant @returns undefined when the tenant has no such workflow @throws the unique violation of the name; RequestError TOO_MANY_WORKFLOWS, WORKFLOW_ARCHIVED */
export async function updateWorkflow(
  db: ScopedDb,
  tenantId: string,
  id: string,
  change: { name?: string | undefined; isActive?: boolean | undefined; errorWorkflowId?: string | null | undefined; queuedTtlSeconds?: number | null | undefined },
): Promise<WorkflowRecord | undefined> {
  const { name, isActive, errorWorkflowId, queuedTtlSeconds } = change;
  if (isActive !== undefined) await lockActiveWorkflows(db, tenantId);
  await assertNotArchived(db, tenantId, id);
  const data = {
    ...(name === undefined ? {} : { name }),
    ...(isActive === undefined ? {} : { isActive }),
    ...(errorWorkflowId === undefined ? {} : { errorWorkflowId }),
    ...(queuedTtlSeconds === undefined ? {} : { queuedTtlSeconds }),
  };
  const changed = await db.workflow.updateMany({ where: { tenantId, id }, data });
  if (isActive !== undefined && changed.count > 0) await limitWorkflows(db, tenantId, id);
  return changed.count === 0 ? undefined : findWorkflow(db, tenantId, id);
}

/** @param db of the tenant */
export async function findDraft(db: ScopedDb, tenantId: string, id: string): Promise<DraftRecord | undefined> {
  const row = await db.workflow.findUnique({ where: { tenantId_id: { tenantId, id }, ...kept }, select: { draft: true, draftRevision: true } });
  return row === null ? undefined : { revision: row.draftRevision, graph: fromJsonb(row.draft) };
}

/**
 * Replaces the draft and raises its revision.
 * @param db of the tenant
 * @param revisions the draft must still have one of these; undefined for any
 * @returns the new revision; undefined when there is no such workflow with such a revision, or it is archived
 */
export async function replaceDraft(db: ScopedDb, tenantId: string, id: string, graph: unknown, revisions?: readonly number[]): Promise<number | undefined> {
  const where = { tenantId, id, archivedAt: null, ...(revisions === undefined ? {} : { draftRevision: { in: [...revisions] } }) };
  const rows = await db.workflow.updateManyAndReturn({ where, data: { draft: toJsonColumn(graph), draftRevision: { increment: 1 } }, select: { draftRevision: true } });
  return rows[0]?.draftRevision;
}

/** The pinned outputs of a draft; undefined when there is no such workflow. @param db of the tenant */
export async function findPins(db: ScopedDb, tenantId: string, id: string): Promise<Json | undefined> {
  const row = await db.workflow.findUnique({ where: { tenantId_id: { tenantId, id }, ...kept }, select: { pins: true } });
  return row === null ? undefined : fromJsonb(row.pins);
}

/** @param db of the tenant @returns false when there is no such workflow @throws RequestError WORKFLOW_ARCHIVED */
export async function replacePins(db: ScopedDb, tenantId: string, id: string, pins: unknown): Promise<boolean> {
  await assertNotArchived(db, tenantId, id);
  return (await db.workflow.updateMany({ where: { tenantId, id }, data: { pins: toJsonColumn(pins) } })).count === 1;
}

/**
 * Locks a workflow, and the number of active ones, for publishing: one publish at a time. Intake, whose executions refer to the workflow, goes on meanwhile.
 * @param db of the tenant
 * @returns the draft; undefined when the tenant has no such workflow
 * @throws RequestError WORKFLOW_ARCHIVED
 */
export async function lockDraft(db: ScopedDb, tenantId: string, id: string): Promise<Json | undefined> {
  await lockActiveWorkflows(db, tenantId);
  const rows = await db.$queryRaw<{ draft: Json; is_archived: boolean }[]>`
    SELECT draft, archived_at IS NOT NULL AS is_archived FROM workflows WHERE tenant_id = ${tenantId}::uuid AND id = ${id}::uuid AND deleted_at IS NULL FOR NO KEY UPDATE`;
  if (rows[0]?.is_archived === true) throw new RequestError("WORKFLOW_ARCHIVED");
  return rows[0]?.draft;
}

/** Makes a version the published one. @param db of the tenant @param activates whether the workflow is switched on; otherwise it stays as it is @throws RequestError TOO_MANY_WORKFLOWS */
export async function setPublishedVersion(db: ScopedDb, tenantId: string, id: string, versionId: string, activates: boolean): Promise<void> {
  await db.workflow.update({ where: { tenantId_id: { tenantId, id } }, data: { publishedVersionId: versionId, ...(activates ? { isActive: true } : {}) } });
  await limitWorkflows(db, tenantId, id);
}

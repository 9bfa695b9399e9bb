import type { ScopedDb } from "../database/tenant-db.ts";

/** What can be known of a workflow that another one wants started. */
export interface CalledWorkflow {
  readonly isPublished: boolean;
  /** Whether its published version has a trigger of the kind. */
  readonly hasTrigger: boolean;
}

/** The workflows of a tenant, of those named, by id; those that are archived cannot be called. @param db of the tenant @param kind of the trigger that would start them */
export async function findCalledWorkflows(db: ScopedDb, tenantId: string, ids: readonly string[], kind: "workflow" | "error"): Promise<ReadonlyMap<string, CalledWorkflow>> {
  if (ids.length === 0) return new Map();
  const select = { id: true, publishedVersionId: true, triggers: { where: { kind, isEnabled: true }, select: { id: true }, take: 1 } };
  const rows = await db.workflow.findMany({ where: { tenantId, id: { in: [...ids] }, archivedAt: null }, select });
  return new Map(rows.map(({ id, publishedVersionId, triggers }) => [id, { isPublished: publishedVersionId !== null, hasTrigger: triggers.length > 0 }]));
}

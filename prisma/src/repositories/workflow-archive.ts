import type { ScopedDb } from "../database/tenant-db.ts";
import { disarmTriggers, notePeriods } from "../dispatch/arm.ts";
import { limitWorkflows, lockActiveWorkflows } from "./plans.ts";
import { findWorkflow, type WorkflowRecord } from "./workflows.ts";

/**
 * Archives a workflow: off, out of the lists, its name free, its triggers disarmed. What runs goes on; what is queued is refused as for one that is switched off. Repeating it changes nothing.
 * @param db of the tenant
 * @returns undefined when the tenant has no such workflow
 */
export async function archiveWorkflow(db: ScopedDb, tenantId: string, id: string, now: Date): Promise<WorkflowRecord | undefined> {
  await lockActiveWorkflows(db, tenantId);
  const changed = await db.workflow.updateMany({ where: { tenantId, id, archivedAt: null }, data: { isActive: false, archivedAt: now } });
  if (changed.count > 0) {
    await limitWorkflows(db, tenantId, id);
    await disarmTriggers(db, tenantId, id);
    await notePeriods(db, tenantId, id);
  }
  return findWorkflow(db, tenantId, id);
}

/**
 * Takes a workflow out of the archive. It stays off. Repeating it changes nothing.
 * @param db of the tenant
 * @param name instead of its own, which another workflow may have by now
 * @returns undefined when the tenant has no such workflow
 * @throws the unique violation of the name
 */
export async function restoreWorkflow(db: ScopedDb, tenantId: string, id: string, name: string | undefined): Promise<WorkflowRecord | undefined> {
  await db.workflow.updateMany({ where: { tenantId, id, deletedAt: null, archivedAt: { not: null } }, data: { archivedAt: null, ...(name === undefined ? {} : { name }) } });
  return findWorkflow(db, tenantId, id);
}

/** `busy`: that many of its executions have not ended. `inUse`: it is the error workflow of what is named. */
export type DeletionResult =
  | { readonly outcome: "deleted" | "notFound" | "notArchived" }
  | { readonly outcome: "busy"; readonly running: number; readonly waiting: number; readonly queued: number }
  | { readonly outcome: "inUse"; readonly usedBy: readonly string[] };

interface DeletionRow {
  outcome: DeletionResult["outcome"];
  running: number;
  waiting: number;
  queued: number;
  used_by: string[];
}

/** Deletes an archived workflow, but for what its executions refer to (`fluxo_delete_workflow`). @param db of the tenant */
export async function deleteWorkflow(db: ScopedDb, tenantId: string, id: string): Promise<DeletionResult> {
  const rows = await db.$queryRaw<DeletionRow[]>`SELECT outcome, running, waiting, queued, used_by FROM fluxo_delete_workflow(${tenantId}::uuid, ${id}::uuid)`;
  const [row] = rows;
  if (row === undefined) throw new Error("fluxo_delete_workflow answered nothing.");
  const { outcome, running, waiting, queued } = row;
  if (outcome === "busy") return { outcome, running, waiting, queued };
  return outcome === "inUse" ? { outcome, usedBy: row.used_by } : { outcome };
}

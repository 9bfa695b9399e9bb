import type { Json } from "@fluxo/core/json";
import type { ScopedDb } from "../database/tenant-db.ts";
import { fromJsonb, toJsonColumn } from "./json.ts";
import { pageOfRows, type Page } from "./page.ts";

export interface TriggerRecord {
  readonly tenantId: string;
  readonly id: string;
  readonly workflowId: string;
  readonly nodeId: string;
  readonly kind: string;
  readonly config: Json;
  readonly isEnabled: boolean;
  readonly hookToken: string | null;
  readonly hasSecret: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** What publishing writes of a trigger. An absent sealed secret leaves the stored one as it is; null removes it. */
export interface TriggerChange {
  readonly kind: string;
  readonly config: unknown;
  readonly hookToken: string | null;
  readonly sealedSecret?: Uint8Array<ArrayBuffer> | null;
}

/** The columns of a TriggerRecord. */
export const triggerSelect = {
  tenantId: true,
  id: true,
  workflowId: true,
  nodeId: true,
  kind: true,
  config: true,
  isEnabled: true,
  hookToken: true,
  sealedSecret: true,
  createdAt: true,
  updatedAt: true,
} as const;

/** What Prisma answers for `triggerSelect`. */
export interface TriggerRow {
  readonly tenantId: string;
  readonly id: string;
  readonly workflowId: string;
  readonly nodeId: string;
  readonly kind: string;
  readonly config: Parameters<typeof fromJsonb>[0];
  readonly isEnabled: boolean;
  readonly hookToken: string | null;
  readonly sealedSecret: Uint8Array | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export function toTriggerRecord({ config, sealedSecret, ...row }: TriggerRow): TriggerRecord {
  return { ...row, config: fromJsonb(config), hasSecret: sealedSecret !== null };
}

/** Newest first, one page. @param db of the tenant */
export async function listTriggers(db: ScopedDb, tenantId: string, workflowId: string, limit: number, beforeId?: string): Promise<Page<TriggerRecord>> {
  const where = { tenantId, workflowId, ...(beforeId === undefined ? {} : { id: { lt: beforeId } }) };
  const rows = await db.trigger.findMany({ where, select: triggerSelect, orderBy: { id: "desc" }, take: limit + 1 });
  return pageOfRows(rows.map(toTriggerRecord), limit);
}

/** All triggers that a workflow ever had, by node id. @param db of the tenant */
export async function findTriggersByNode(db: ScopedDb, tenantId: string, workflowId: string): Promise<ReadonlyMap<string, TriggerRecord>> {
  const rows = await db.trigger.findMany({ where: { tenantId, workflowId }, select: triggerSelect });
  return new Map(rows.map((row) => [row.nodeId, toTriggerRecord(row)]));
}

/** The enabled manual triggers of a workflow, by node id. @param db of the tenant */
export function findManualTriggers(db: ScopedDb, tenantId: string, workflowId: string): Promise<{ id: string; nodeId: string }[]> {
  return db.trigger.findMany({ where: { tenantId, workflowId, kind: "manual", isEnabled: true }, select: { id: true, nodeId: true }, orderBy: { nodeId: "asc" } });
}

/** @param db of the tenant */
export async function findTrigger(db: ScopedDb, tenantId: string, id: string): Promise<TriggerRecord | undefined> {
  const row = await db.trigger.findUnique({ where: { tenantId_id: { tenantId, id } }, select: triggerSelect });
  return row === null ? undefined : toTriggerRecord(row);
}

/** @param db of the tenant */
export async function createTrigger(db: ScopedDb, tenantId: string, place: { id: string; workflowId: string; nodeId: string }, change: TriggerChange): Promise<TriggerRecord> {
  return toTriggerRecord(await db.trigger.create({ data: { tenantId, ...place, ...toData(change) }, select: triggerSelect }));
}

/** Enables a trigger with new content. @param db of the tenant */
export async function updateTrigger(db: ScopedDb, tenantId: string, id: string, change: TriggerChange): Promise<TriggerRecord> {
  return toTriggerRecord(await db.trigger.update({ where: { tenantId_id: { tenantId, id } }, data: { ...toData(change), isEnabled: true }, select: triggerSelect }));
}

function toData({ config, ...change }: TriggerChange) {
  return { ...change, config: toJsonColumn(config) };
}

/** Disables the triggers of nodes that a workflow no longer has. @param db of the tenant */
export async function disableOtherTriggers(db: ScopedDb, tenantId: string, workflowId: string, nodeIds: readonly string[]): Promise<void> {
  await db.trigger.updateMany({ where: { tenantId, workflowId, isEnabled: true, nodeId: { notIn: [...nodeIds] } }, data: { isEnabled: false } });
}

/** @param db of the tenant */
export async function replaceTriggerSecret(db: ScopedDb, tenantId: string, id: string, sealedSecret: Uint8Array<ArrayBuffer>): Promise<void> {
  await db.trigger.update({ where: { tenantId_id: { tenantId, id } }, data: { sealedSecret } });
}

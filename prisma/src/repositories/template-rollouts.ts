import type { Json } from "@fluxo/core/json";
import type { RolloutItemStatus, RolloutPhase, RolloutStatus } from "@fluxo/core/workflow-templates/rollout";
import type { ScopedDb } from "../database/tenant-db.ts";
import { Prisma } from "../generated/client.ts";
import { isParked } from "../operations/turns.ts";
import { fromJsonb, toJsonColumn } from "./json.ts";
import { pageOfRows, type Page } from "./page.ts";

/** A version of a template on its way to many tenants, or the way back of one. */
export interface RolloutRecord {
  readonly id: string;
  readonly templateId: string;
  readonly kind: "rollout" | "rollback";
  readonly versionId: string | null;
  readonly rollsBackId: string | null;
  readonly status: RolloutStatus;
  readonly isParked: boolean;
  readonly phase: RolloutPhase;
  readonly canaryPolicy: Json;
  readonly onConflict: string;
  readonly stopCode: string | null;
  readonly stopMessage: string | null;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly canaryDoneAt: Date | null;
  readonly completedAt: Date | null;
}

export interface RolloutItemRecord {
  readonly tenantId: string;
  readonly position: number;
  readonly isCanary: boolean;
  readonly targetVersionId: string | null;
  readonly parameters: Json;
  readonly expectedVersionId: string | null;
  readonly status: RolloutItemStatus;
  readonly code: string | null;
  readonly message: string | null;
  readonly fromVersionId: string | null;
  readonly fromParameters: Json;
  readonly workflowId: string | null;
  readonly workflowVersionId: string | null;
  readonly doneAt: Date | null;
}

export interface NewRollout {
  readonly id: string;
  readonly templateId: string;
  readonly kind: "rollout" | "rollback";
  readonly versionId: string | null;
  readonly rollsBackId: string | null;
  readonly phase: RolloutPhase;
  readonly canaryPolicy: unknown;
  readonly onConflict: string;
  readonly createdBy: string;
}

export type NewRolloutItem = Pick<RolloutItemRecord, "tenantId" | "isCanary" | "targetVersionId" | "expectedVersionId"> & { readonly parameters: unknown };

/** How an item ended. */
export interface RolloutItemEnd {
  readonly status: Exclude<RolloutItemStatus, "PENDING">;
  readonly code?: string;
  readonly message?: string;
  readonly fromVersionId?: string | null;
  readonly fromParameters?: unknown;
  readonly workflowId?: string;
  readonly workflowVersionId?: string;
}

const select = {
  id: true,
  templateId: true,
  kind: true,
  versionId: true,
  rollsBackId: true,
  status: true,
  attempts: true,
  phase: true,
  canaryPolicy: true,
  onConflict: true,
  stopCode: true,
  stopMessage: true,
  createdBy: true,
  createdAt: true,
  canaryDoneAt: true,
  completedAt: true,
} as const;

const itemSelect = {
  tenantId: true,
  position: true,
  isCanary: true,
  targetVersionId: true,
  parameters: true,
  expectedVersionId: true,
  status: true,
  code: true,
  message: true,
  fromVersionId: true,
  fromParameters: true,
  workflowId: true,
  workflowVersionId: true,
  doneAt: true,
} as const;

type Column = Parameters<typeof fromJsonb>[0];
type Row = Omit<RolloutRecord, "kind" | "status" | "isParked" | "phase" | "canaryPolicy"> & { readonly attempts: number; readonly kind: string; readonly status: string; readonly phase: string; readonly canaryPolicy: Column };
type ItemRow = Omit<RolloutItemRecord, "status" | "parameters" | "fromParameters"> & { readonly status: string; readonly parameters: Column; readonly fromParameters: Column };

/** Check constraints keep kind, status and phase to the known ones. */
const toRecord = ({ attempts, ...row }: Row): RolloutRecord => ({ ...row, isParked: isParked({ ...row, attempts }), kind: row.kind as RolloutRecord["kind"], status: row.status as RolloutStatus, phase: row.phase as RolloutPhase, canaryPolicy: fromJsonb(row.canaryPolicy) });
const toItem = (row: ItemRow): RolloutItemRecord => ({ ...row, status: row.status as RolloutItemStatus, parameters: fromJsonb(row.parameters), fromParameters: fromJsonb(row.fromParameters) });

/** Newest first. @param db of the agency */
export async function listRollouts(db: ScopedDb, agencyId: string, filter: { readonly templateId?: string | undefined; readonly status?: readonly RolloutStatus[] | undefined }, limit: number, beforeId?: string): Promise<Page<RolloutRecord>> {
  const where = {
    agencyId,
    ...(filter.templateId === undefined ? {} : { templateId: filter.templateId }),
    ...(filter.status === undefined ? {} : { status: { in: [...filter.status] } }),
    ...(beforeId === undefined ? {} : { id: { lt: beforeId } }),
  };
  const rows = await db.templateRollout.findMany({ where, select, orderBy: { id: "desc" }, take: limit + 1 });
  return pageOfRows(rows.map(toRecord), limit);
}

/** @param db of the agency */
export async function findRollout(db: ScopedDb, agencyId: string, id: string): Promise<RolloutRecord | undefined> {
  const row = await db.templateRollout.findUnique({ where: { agencyId_id: { agencyId, id } }, select });
  return row === null ? undefined : toRecord(row);
}

/** How many items of a rollout have which status. @param db of the agency */
export async function countRolloutItems(db: ScopedDb, agencyId: string, rolloutId: string): Promise<ReadonlyMap<RolloutItemStatus, number>> {
  const rows = await db.templateRolloutItem.groupBy({ by: ["status"], where: { agencyId, rolloutId }, _count: true, orderBy: { status: "asc" } });
  return new Map(rows.map(({ status, _count }) => [status as RolloutItemStatus, _count]));
}

/** In the order in which they are worked. @param db of the agency @param afterPosition only items after this one */
export async function listRolloutItems(db: ScopedDb, agencyId: string, rolloutId: string, filter: { readonly status?: readonly RolloutItemStatus[] | undefined; readonly isCanary?: boolean | undefined }, limit: number, afterPosition = -1): Promise<Page<RolloutItemRecord>> {
  const where = {
    agencyId,
    rolloutId,
    position: { gt: afterPosition },
    ...(filter.status === undefined ? {} : { status: { in: [...filter.status] } }),
    ...(filter.isCanary === undefined ? {} : { isCanary: filter.isCanary }),
  };
  const rows = await db.templateRolloutItem.findMany({ where, select: itemSelect, orderBy: { position: "asc" }, take: limit + 1 });
  return pageOfRows(rows.map(toItem), limit);
}

/** Writes a rollout with its tenants, in their order. @param db of the agency */
export async function createRollout(db: ScopedDb, agencyId: string, { canaryPolicy, ...rollout }: NewRollout, items: readonly NewRolloutItem[], now: Date): Promise<RolloutRecord> {
  const policy = canaryPolicy === null || canaryPolicy === undefined ? Prisma.DbNull : toJsonColumn(canaryPolicy);
  const ended = items.length === 0 ? { status: "DONE", completedAt: now } : { status: "RUNNING" };
  const row = await db.templateRollout.create({ data: { agencyId, ...rollout, ...ended, canaryPolicy: policy }, select });
  const data = items.map(({ parameters, ...item }, position) => ({ agencyId, rolloutId: rollout.id, position, ...item, parameters: toJsonColumn(parameters) }));
  await db.templateRolloutItem.createMany({ data });
  return toRecord(row);
}

/** Of which a change holds. */
export interface RolloutGuard {
  readonly status: readonly RolloutStatus[];
  readonly phase?: RolloutPhase;
}

export interface RolloutChange {
  readonly status?: RolloutStatus;
  readonly phase?: RolloutPhase;
  readonly stop?: { readonly code: string; readonly message: string };
  readonly canaryDoneAt?: Date;
  readonly completedAt?: Date;
}

/** Changes a rollout that is as the guard says; one that runs on has its next turn at once. @param db of the agency @returns whether it was */
export async function changeRollout(db: ScopedDb, agencyId: string, id: string, { status, phase }: RolloutGuard, { stop, ...columns }: RolloutChange, now: Date): Promise<boolean> {
  const reason = columns.status === undefined ? {} : { stopCode: stop?.code ?? null, stopMessage: stop?.message ?? null };
  const due = columns.status === "RUNNING" ? { attempts: 0, nextAt: now } : {};
  const where = { agencyId, id, status: { in: [...status] }, ...(phase === undefined ? {} : { phase }) };
  return (await db.templateRollout.updateMany({ where, data: { ...columns, ...reason, ...due } })).count === 1;
}

/** Counts a try of an item that is not worked yet. @param db of the tenant @returns how many it has had with this one; undefined when it is worked already */
export async function countAttempt(db: ScopedDb, tenantId: string, rolloutId: string): Promise<number | undefined> {
  const [item] = await db.templateRolloutItem.updateManyAndReturn({ where: { tenantId, rolloutId, status: "PENDING" }, data: { attempts: { increment: 1 } }, select: { attempts: true } });
  return item?.attempts;
}

/** Ends an item that is not worked yet. @param db of the tenant */
export async function endItem(db: ScopedDb, tenantId: string, rolloutId: string, { fromParameters, ...end }: RolloutItemEnd, now: Date): Promise<void> {
  const data = { ...end, doneAt: now, ...(fromParameters === undefined || fromParameters === null ? {} : { fromParameters: toJsonColumn(fromParameters) }) };
  await db.templateRolloutItem.updateMany({ where: { tenantId, rolloutId, status: "PENDING" }, data });
}

/** Executions of a version of a workflow that ended, of those queued from an instant on. @param db of the tenant */
export async function countEnded(db: ScopedDb, tenantId: string, { workflowId, versionId, from }: { readonly workflowId: string; readonly versionId: string; readonly from: Date }): Promise<{ readonly succeeded: number; readonly failed: number }> {
  const where = { tenantId, workflowId, versionId, queuedAt: { gte: from } };
  const rows = await db.execution.groupBy({ by: ["status"], where: { ...where, status: { in: ["SUCCESS", "FAILED"] } }, _count: true, orderBy: { status: "asc" } });
  const of = (status: string): number => rows.find((row) => row.status === status)?._count ?? 0;
  return { succeeded: of("SUCCESS"), failed: of("FAILED") };
}

import type { Json } from "@fluxo/core/json";
import type { BulkStatus } from "@fluxo/core/status/bulk-status";
import type { ScopedDb } from "../database/tenant-db.ts";
import type { BulkKind } from "../executions/bulk.ts";
import { isParked } from "../operations/turns.ts";
import { fromJsonb } from "./json.ts";
import { pageOfRows, type Page } from "./page.ts";

export interface BulkOperationRecord {
  readonly id: string;
  readonly kind: BulkKind;
  readonly name: string;
  readonly filter: Json;
  readonly options: Json;
  readonly pacePerMinute: number;
  readonly status: BulkStatus;
  readonly isParked: boolean;
  readonly matched: number;
  readonly done: number;
  readonly failed: number;
  readonly skipped: number;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly completedAt: Date | null;
}

/** An execution that a bulk operation did not do, with the reason. */
export interface BulkRefusal {
  readonly executionId: string;
  readonly status: "FAILED" | "SKIPPED";
  readonly code: string;
  readonly message: string;
}

const select = {
  id: true,
  kind: true,
  name: true,
  filter: true,
  options: true,
  pacePerMinute: true,
  status: true,
  attempts: true,
  matched: true,
  done: true,
  failed: true,
  skipped: true,
  createdBy: true,
  createdAt: true,
  completedAt: true,
} as const;

interface StoredRow extends Omit<BulkOperationRecord, "kind" | "status" | "isParked" | "filter" | "options"> {
  readonly attempts: number;
  readonly kind: string;
  readonly status: string;
  readonly filter: Parameters<typeof fromJsonb>[0];
  readonly options: Parameters<typeof fromJsonb>[0];
}

/** Check constraints keep kind and status to the known ones. */
function typed({ attempts, ...row }: StoredRow): BulkOperationRecord {
  return { ...row, isParked: isParked({ ...row, attempts }), kind: row.kind as BulkKind, status: row.status as BulkStatus, filter: fromJsonb(row.filter), options: fromJsonb(row.options) };
}

/** Newest first. @param db of the tenant */
export async function listBulkOperations(db: ScopedDb, tenantId: string, filter: { readonly statuses?: readonly BulkStatus[] | undefined }, limit: number, beforeId?: string): Promise<Page<BulkOperationRecord>> {
  const where = {
    tenantId,
    ...(filter.statuses === undefined ? {} : { status: { in: [...filter.statuses] } }),
    ...(beforeId === undefined ? {} : { id: { lt: beforeId } }),
  };
  const rows = await db.bulkOperation.findMany({ where, select, orderBy: { id: "desc" }, take: limit + 1 });
  return pageOfRows(rows.map(typed), limit);
}

/** @param db of the tenant */
export async function findBulkOperation(db: ScopedDb, tenantId: string, id: string): Promise<BulkOperationRecord | undefined> {
  const row = await db.bulkOperation.findUnique({ where: { tenantId_id: { tenantId, id } }, select });
  return row === null ? undefined : typed(row);
}

/** How many items were not done, by code, and the first of them. @param db of the tenant */
export async function findBulkRefusals(db: ScopedDb, tenantId: string, operationId: string, limit: number): Promise<{ readonly counts: readonly { readonly code: string; readonly count: number }[]; readonly first: readonly BulkRefusal[] }> {
  const where = { tenantId, operationId, code: { not: null } };
  const counts = await db.bulkOperationItem.groupBy({ by: ["code"], where, _count: true, orderBy: { code: "asc" } });
  const rows = await db.bulkOperationItem.findMany({ where, select: { executionId: true, status: true, code: true, message: true }, orderBy: { position: "asc" }, take: limit });
  return {
    counts: counts.map(({ code, _count }) => ({ code: code ?? "INTERNAL", count: _count })),
    first: rows.map(({ executionId, status, code, message }) => ({ executionId, status: status === "FAILED" ? "FAILED" : "SKIPPED", code: code ?? "INTERNAL", message: message ?? "" })),
  };
}

/**
 * Moves an operation from one of `from` to `to`. What is done stays done; one that runs again has its next turn at once.
 * @param db of the tenant
 * @returns whether it was in one of `from`
 */
export async function changeBulkStatus(db: ScopedDb, tenantId: string, id: string, from: readonly BulkStatus[], to: "RUNNING" | "PAUSED" | "ABORTED", now: Date): Promise<boolean> {
  const { count } = await db.bulkOperation.updateMany({
    where: { tenantId, id, status: { in: [...from] } },
    data: { status: to, ...(to === "ABORTED" ? { completedAt: now } : {}), ...(to === "RUNNING" ? { attempts: 0, nextAt: now } : {}) },
  });
  return count === 1;
}

import type { Json } from "@fluxo/core/json";
import type { ExecutionStatus } from "@fluxo/core/status/execution-status";
import type { ScopedDb } from "../database/tenant-db.ts";
import { Prisma } from "../generated/client.ts";
import { inOrder, keysAcrossTenants, type TenantGroup } from "./across-tenants.ts";
import { fromJsonb } from "./json.ts";
import { pageOfRows, type Page } from "./page.ts";

/** An execution without its payloads. */
export interface ExecutionSummaryRecord {
  readonly tenantId: string;
  readonly id: string;
  readonly workflowId: string;
  readonly version: { readonly id: string; readonly number: number };
  readonly trigger: { readonly id: string; readonly kind: string };
  readonly triggerNodeId: string;
  readonly status: ExecutionStatus;
  readonly reason: string | null;
  readonly queuedAt: Date;
  readonly startedAt: Date | null;
  readonly completedAt: Date | null;
  readonly resumeAt: Date | null;
  readonly cancelRequestedAt: Date | null;
  readonly rerunOf: string | null;
  /** All three or none. */
  readonly parentExecutionId: string | null;
  readonly parentNodeId: string | null;
  readonly parentItem: number | null;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly errorNodeId: string | null;
}

export interface ExecutionRecord extends ExecutionSummaryRecord {
  readonly occurrenceKey: string | null;
  readonly inngestEventId: string | null;
  readonly errorStack: string | null;
  readonly input: Json;
  readonly output: Json;
}

/** All fields that are there must hold. `from` is included, `to` is not; both of `queuedAt`. */
export interface ExecutionFilter {
  readonly statuses?: readonly ExecutionStatus[] | undefined;
  readonly workflowId?: string | undefined;
  readonly triggerId?: string | undefined;
  readonly reason?: string | undefined;
  readonly errorCode?: string | undefined;
  readonly rerunOf?: string | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

/** The last execution of the page before. */
export interface ExecutionCursor {
  readonly queuedAt: Date;
  readonly id: string;
}

const summarySelect = {
  tenantId: true,
  id: true,
  workflowId: true,
  version: { select: { id: true, number: true } },
  trigger: { select: { id: true, kind: true } },
  triggerNodeId: true,
  status: true,
  reason: true,
  queuedAt: true,
  startedAt: true,
  completedAt: true,
  resumeAt: true,
  cancelRequestedAt: true,
  rerunOf: true,
  parentExecutionId: true,
  parentNodeId: true,
  parentItem: true,
  errorCode: true,
  errorMessage: true,
  errorNodeId: true,
} as const satisfies Prisma.ExecutionSelect;

/** The column's type in Prisma is text; a check constraint keeps it to the known statuses. */
function withStatus<R extends { readonly status: string }>(row: R): R & { readonly status: ExecutionStatus } {
  return row as R & { readonly status: ExecutionStatus };
}

/** Newest first. @param db of the tenant */
export async function listExecutions(db: ScopedDb, tenantId: string, filter: ExecutionFilter, limit: number, before?: ExecutionCursor): Promise<Page<ExecutionSummaryRecord>> {
  const conditions: Prisma.ExecutionWhereInput[] = [
    { tenantId },
    ...(filter.statuses === undefined ? [] : [{ status: { in: [...filter.statuses] } }]),
    ...(filter.workflowId === undefined ? [] : [{ workflowId: filter.workflowId }]),
    ...(filter.triggerId === undefined ? [] : [{ triggerId: filter.triggerId }]),
    ...(filter.reason === undefined ? [] : [{ reason: filter.reason }]),
    ...(filter.errorCode === undefined ? [] : [{ errorCode: filter.errorCode }]),
    ...(filter.rerunOf === undefined ? [] : [{ rerunOf: filter.rerunOf }]),
    ...(filter.from === undefined ? [] : [{ queuedAt: { gte: filter.from } }]),
    ...(filter.to === undefined ? [] : [{ queuedAt: { lt: filter.to } }]),
    // The first condition alone bounds the index scan; the second one skips the rows of the same millisecond that were listed.
    ...(before === undefined ? [] : [{ queuedAt: { lte: before.queuedAt } }, { OR: [{ queuedAt: { lt: before.queuedAt } }, { id: { lt: before.id } }] }]),
  ];
  const rows = await db.execution.findMany({ where: { AND: conditions }, select: summarySelect, orderBy: [{ queuedAt: "desc" }, { id: "desc" }], take: limit + 1 });
  return pageOfRows(rows.map(withStatus), limit);
}

/** Newest first, of many tenants. @param db across the agency's tenants */
export async function listExecutionsAcross(db: ScopedDb, group: TenantGroup, filter: ExecutionFilter, limit: number, before?: ExecutionCursor): Promise<Page<ExecutionSummaryRecord>> {
  const conditions = [
    Prisma.sql`TRUE`,
    ...(filter.workflowId === undefined ? [] : [Prisma.sql`x.workflow_id = ${filter.workflowId}::uuid`]),
    ...(filter.triggerId === undefined ? [] : [Prisma.sql`x.trigger_id = ${filter.triggerId}::uuid`]),
    ...(filter.reason === undefined ? [] : [Prisma.sql`x.reason = ${filter.reason}`]),
    ...(filter.errorCode === undefined ? [] : [Prisma.sql`x.error_code = ${filter.errorCode}`]),
    ...(filter.rerunOf === undefined ? [] : [Prisma.sql`x.rerun_of = ${filter.rerunOf}::uuid`]),
    ...(filter.from === undefined ? [] : [Prisma.sql`x.queued_at >= ${filter.from}`]),
    ...(filter.to === undefined ? [] : [Prisma.sql`x.queued_at < ${filter.to}`]),
    ...(before === undefined ? [] : [Prisma.sql`(x.queued_at, x.id) < (${before.queuedAt}, ${before.id}::uuid)`]),
  ];
  const list = {
    table: Prisma.sql`executions`,
    where: Prisma.join(conditions, " AND "),
    order: Prisma.sql`x.queued_at DESC, x.id DESC`,
    columns: Prisma.sql`, x.queued_at`,
    ...(filter.statuses === undefined ? {} : { branches: { column: Prisma.sql`x.status`, values: filter.statuses } }),
  };
  const keys = await keysAcrossTenants(db, group, list, limit + 1);
  const rows = keys.length === 0 ? [] : await db.execution.findMany({ where: { OR: keys }, select: summarySelect });
  return pageOfRows(inOrder(rows.map(withStatus), keys), limit);
}

/** With input and output, wherever they are stored. @param db of the tenant */
export async function findExecution(db: ScopedDb, tenantId: string, id: string): Promise<ExecutionRecord | undefined> {
  const row = await db.execution.findUnique({
    where: { tenantId_id: { tenantId, id } },
    select: { ...summarySelect, occurrenceKey: true, inngestEventId: true, errorStack: true, input: true, inputRef: true, output: true, outputRef: true },
  });
  if (row === null) return undefined;
  const { input, inputRef, output, outputRef, ...rest } = row;
  const stored = await findPayloads(db, tenantId, [inputRef, outputRef]);
  return { ...withStatus(rest), input: resolve(input, inputRef, stored), output: resolve(output, outputRef, stored) };
}

/** @param db of the tenant */
export async function findExecutionSummary(db: ScopedDb, tenantId: string, id: string): Promise<ExecutionSummaryRecord | undefined> {
  const row = await db.execution.findUnique({ where: { tenantId_id: { tenantId, id } }, select: summarySelect });
  return row === null ? undefined : withStatus(row);
}

/** How many executions repeat one, and the newest of them. @param db of the tenant */
export async function findReruns(db: ScopedDb, tenantId: string, rerunOf: string, limit: number): Promise<{ readonly count: number; readonly ids: readonly string[] }> {
  const where = { tenantId, rerunOf };
  const newest = await db.execution.findMany({ where, select: { id: true }, orderBy: { id: "desc" }, take: limit });
  return { count: newest.length < limit ? newest.length : await db.execution.count({ where }), ids: newest.map(({ id }) => id) };
}

/** Bodies of stored payloads by id, in one query. @param db of the tenant */
export async function findPayloads(db: ScopedDb, tenantId: string, refs: readonly (string | null)[]): Promise<ReadonlyMap<string, Json>> {
  const ids = refs.filter((ref) => ref !== null);
  if (ids.length === 0) return new Map();
  const rows = await db.payload.findMany({ where: { tenantId, id: { in: ids } }, select: { id: true, body: true } });
  return new Map(rows.map((row) => [row.id, fromJsonb(row.body)]));
}

/** The inline value, or the stored one that the reference names. */
export function resolve(inline: Prisma.JsonValue | null, ref: string | null, stored: ReadonlyMap<string, Json>): Json {
  return ref === null ? fromJsonb(inline) : (stored.get(ref) ?? null);
}

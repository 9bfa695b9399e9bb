import type { ExecutionStatus } from "@fluxo/core/status/execution-status";
import type { ScopedDb } from "../database/tenant-db.ts";
import { Prisma } from "../generated/client.ts";
import { pageOfRows, type Page } from "./page.ts";

/** One due instant or seen item, with what became of it. */
export interface OccurrenceRecord {
  readonly key: string;
  readonly occurredAt: Date;
  readonly recordedAt: Date;
  readonly reason: string;
  readonly detail: string | null;
  /** As it is now; null when there is none (any more). */
  readonly execution: { readonly id: string; readonly status: ExecutionStatus; readonly reason: string | null } | null;
}

/** All fields that are there must hold. `from` is included, `to` is not; both of `occurredAt`. */
export interface OccurrenceFilter {
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  readonly reason?: string | undefined;
}

/** The last occurrence of the page before. */
export interface OccurrenceCursor {
  readonly occurredAt: Date;
  readonly key: string;
}

/** Whether a trigger had an occurrence with this key. @param db of the tenant */
export async function hasOccurrence(db: ScopedDb, tenantId: string, triggerId: string, occurrenceKey: string): Promise<boolean> {
  return (await db.occurrence.count({ where: { tenantId, triggerId, occurrenceKey } })) > 0;
}

interface Row {
  readonly occurrence_key: string;
  readonly occurred_at: Date;
  readonly created_at: Date;
  readonly reason: string;
  readonly detail: string | null;
  readonly execution_id: string | null;
  readonly status: ExecutionStatus | null;
  readonly execution_reason: string | null;
}

function toRecord(row: Row): OccurrenceRecord {
  const { execution_id: id, status } = row;
  return {
    key: row.occurrence_key,
    occurredAt: row.occurred_at,
    recordedAt: row.created_at,
    reason: row.reason,
    detail: row.detail,
    execution: id === null || status === null ? null : { id, status, reason: row.execution_reason },
  };
}

const columns = Prisma.sql`o.occurrence_key, o.occurred_at, o.created_at, o.reason, o.detail, o.execution_id, e.status, e.reason AS execution_reason
  FROM occurrences o LEFT JOIN executions e ON e.tenant_id = o.tenant_id AND e.id = o.execution_id`;

/** Of one trigger, the latest first, one page. @param db of the tenant */
export async function listOccurrences(
  db: ScopedDb,
  tenantId: string,
  triggerId: string,
  filter: OccurrenceFilter,
  limit: number,
  before?: OccurrenceCursor,
): Promise<Page<OccurrenceRecord>> {
  const { from, to, reason } = filter;
  const rows = await db.$queryRaw<Row[]>`
    SELECT ${columns} WHERE o.tenant_id = ${tenantId}::uuid AND o.trigger_id = ${triggerId}::uuid
    ${from === undefined ? Prisma.empty : Prisma.sql`AND o.occurred_at >= ${from}`}
    ${to === undefined ? Prisma.empty : Prisma.sql`AND o.occurred_at < ${to}`}
    ${reason === undefined ? Prisma.empty : Prisma.sql`AND o.reason = ${reason}`}
    ${before === undefined ? Prisma.empty : Prisma.sql`AND (o.occurred_at, o.occurrence_key) < (${before.occurredAt}, ${before.key})`}
    ORDER BY o.occurred_at DESC, o.occurrence_key DESC LIMIT ${limit + 1}`;
  return pageOfRows(rows.map(toRecord), limit);
}

/**
 * Of one trigger in a time, the earliest first; `limit`, or more when several share the last instant. `nextFrom`: there are more from then on, and none from then on is in the answer.
 * @param db of the tenant
 */
export async function findOccurrencesBetween(
  db: ScopedDb,
  tenantId: string,
  triggerId: string,
  range: { readonly from: Date; readonly to: Date; readonly limit: number },
): Promise<{ readonly items: readonly OccurrenceRecord[]; readonly nextFrom: Date | undefined }> {
  const rows = await db.$queryRaw<Row[]>`
    SELECT ${columns} WHERE o.tenant_id = ${tenantId}::uuid AND o.trigger_id = ${triggerId}::uuid AND o.occurred_at >= ${range.from} AND o.occurred_at < ${range.to}
    ORDER BY o.occurred_at FETCH FIRST ${range.limit} ROWS WITH TIES`;
  const items = rows.map(toRecord);
  const last = items.at(-1);
  return { items, nextFrom: items.length < range.limit || last === undefined ? undefined : new Date(last.occurredAt.getTime() + 1) };
}

/** Those of one trigger with the given keys, by key. @param db of the tenant */
export async function findOccurrences(db: ScopedDb, tenantId: string, triggerId: string, keys: readonly string[]): Promise<ReadonlyMap<string, OccurrenceRecord>> {
  const rows = await db.$queryRaw<Row[]>`
    SELECT ${columns} WHERE o.tenant_id = ${tenantId}::uuid AND o.trigger_id = ${triggerId}::uuid AND o.occurrence_key = ANY (${keys})`;
  return new Map(rows.map((row) => [row.occurrence_key, toRecord(row)]));
}

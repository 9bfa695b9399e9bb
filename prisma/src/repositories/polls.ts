import type { ScopedDb } from "../database/tenant-db.ts";
import { pageOfRows, type Page } from "./page.ts";

/** What one poll saw: seen = accepted + duplicate + filtered + parked. */
export interface PollRecord {
  readonly id: string;
  readonly polledAt: Date;
  readonly durationMs: number;
  readonly seen: number;
  readonly accepted: number;
  readonly duplicate: number;
  readonly filtered: number;
  readonly parked: number;
  readonly errorCode: string | null;
}

/** The same, summed up. */
export interface PollSum extends Pick<PollRecord, "seen" | "accepted" | "duplicate" | "filtered" | "parked"> {
  readonly polls: number;
  readonly failed: number;
}

/** An item that cannot become an execution. */
export interface ParkedItemRecord {
  readonly key: string;
  readonly code: string;
  readonly message: string;
  readonly reference: string;
  readonly rawBytes: number;
  readonly parkedAt: Date;
  readonly dismissedAt: Date | null;
}

interface TimeFilter {
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

function inTime({ from, to }: TimeFilter) {
  return { ...(from === undefined ? {} : { gte: from }), ...(to === undefined ? {} : { lt: to }) };
}

/** Of one trigger, the latest first, one page. @param db of the tenant */
export async function listPolls(db: ScopedDb, tenantId: string, triggerId: string, filter: TimeFilter, limit: number, beforeId?: string): Promise<Page<PollRecord>> {
  const rows = await db.poll.findMany({
    where: { tenantId, triggerId, polledAt: inTime(filter), ...(beforeId === undefined ? {} : { id: { lt: beforeId } }) },
    omit: { tenantId: true, triggerId: true },
    orderBy: { id: "desc" },
    take: limit + 1,
  });
  return pageOfRows(rows, limit);
}

/** What the polls of a trigger in a time came to. @param db of the tenant */
export async function sumPolls(db: ScopedDb, tenantId: string, triggerId: string, filter: TimeFilter): Promise<PollSum> {
  const { _count: count, _sum: sum } = await db.poll.aggregate({
    where: { tenantId, triggerId, polledAt: inTime(filter) },
    _count: { _all: true, errorCode: true },
    _sum: { seen: true, accepted: true, duplicate: true, filtered: true, parked: true },
  });
  const { seen, accepted, duplicate, filtered, parked } = sum;
  return { polls: count._all, failed: count.errorCode, seen: seen ?? 0, accepted: accepted ?? 0, duplicate: duplicate ?? 0, filtered: filtered ?? 0, parked: parked ?? 0 };
}


/** Of one trigger, by key, one page; dismissed ones only when asked for. @param db of the tenant */
export async function listParkedItems(
  db: ScopedDb,
  tenantId: string,
  triggerId: string,
  filter: { readonly isDismissed: boolean },
  limit: number,
  afterKey = "",
): Promise<Page<ParkedItemRecord>> {
  const rows = await db.$queryRaw<ParkedItemRecord[]>`
    SELECT occurrence_key AS key, code, message, reference, coalesce(length(raw), 0) AS "rawBytes", parked_at AS "parkedAt", dismissed_at AS "dismissedAt"
    FROM parked_items
    WHERE tenant_id = ${tenantId}::uuid AND trigger_id = ${triggerId}::uuid AND occurrence_key > ${afterKey} AND (dismissed_at IS NOT NULL) = ${filter.isDismissed}
    ORDER BY occurrence_key LIMIT ${limit + 1}`;
  return pageOfRows(rows, limit);
}

/** Dismisses a parked item; a repeat changes nothing. @returns whether there is one with this key. @param db of the tenant */
export async function dismissParkedItem(db: ScopedDb, tenantId: string, triggerId: string, key: string): Promise<boolean> {
  const changed = await db.$executeRaw`
    UPDATE parked_items SET dismissed_at = coalesce(dismissed_at, clock_timestamp())
    WHERE tenant_id = ${tenantId}::uuid AND trigger_id = ${triggerId}::uuid AND occurrence_key = ${key}`;
  return changed > 0;
}

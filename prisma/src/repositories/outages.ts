import type { ScopedDb } from "../database/tenant-db.ts";
import type { OutageEnd } from "../breakers/outages.ts";
import { pageOfRows, type Page } from "./page.ts";

/** What a circuit breaker saw. Of credential and host one is null. */
export interface OutageRecord {
  readonly id: string;
  readonly credentialId: string | null;
  readonly host: string | null;
  readonly integration: string;
  readonly openedAt: Date;
  readonly closedAt: Date | null;
  readonly closedBy: OutageEnd | null;
  readonly nextProbeAt: Date;
  readonly errorClass: string;
  readonly errorCode: string;
  readonly affected: number;
}

/** Outages for which all of this holds. */
export interface OutageFilter {
  readonly isOpen?: boolean | undefined;
  readonly integration?: string | undefined;
  readonly credentialId?: string | undefined;
  readonly host?: string | undefined;
}

/** Where a page ended. */
export interface OutagePlace {
  readonly closedAt: Date | null;
  readonly id: string;
}

const select = { id: true, credentialId: true, host: true, integration: true, openedAt: true, closedAt: true, closedBy: true, nextProbeAt: true, errorClass: true, errorCode: true, affected: true } as const;

/** A check constraint keeps `closedBy` to the known ends. */
function typed(row: Omit<OutageRecord, "closedBy"> & { readonly closedBy: string | null }): OutageRecord {
  return { ...row, closedBy: row.closedBy as OutageEnd | null };
}

/** The open ones first, the newest of them on top; then the others, the last one that ended on top. @param db of the tenant */
export async function listOutages(db: ScopedDb, tenantId: string, { isOpen, ...filter }: OutageFilter, limit: number, after?: OutagePlace): Promise<Page<OutageRecord>> {
  const where = {
    tenantId,
    ...Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)),
    AND: [isOpen === undefined ? {} : { closedAt: isOpen ? null : { not: null } }, after === undefined ? {} : behind(after)],
  };
  const rows = await db.outage.findMany({ where, select, orderBy: [{ closedAt: { sort: "desc", nulls: "first" } }, { id: "desc" }], take: limit + 1 });
  return pageOfRows(rows.map(typed), limit);
}

function behind({ closedAt, id }: OutagePlace) {
  if (closedAt === null) return { OR: [{ closedAt: null, id: { lt: id } }, { closedAt: { not: null } }] };
  return { OR: [{ closedAt: { lt: closedAt } }, { closedAt, id: { lt: id } }] };
}

/** @param db of the tenant */
export async function findOutage(db: ScopedDb, tenantId: string, id: string): Promise<OutageRecord | undefined> {
  const row = await db.outage.findUnique({ where: { tenantId_id: { tenantId, id } }, select });
  return row === null ? undefined : typed(row);
}

import type { ScopedDb } from "../database/tenant-db.ts";
import type { OutageEnd } from "../breakers/outages.ts";
import { Prisma } from "../generated/client.ts";
import { inOrder, keysAcrossTenants, type TenantGroup } from "./across-tenants.ts";
import { pageOfRows, type Page } from "./page.ts";

/** What a circuit breaker saw. Of credential and host one is null. */
export interface OutageRecord {
  readonly tenantId: string;
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

const select = { tenantId: true, id: true, credentialId: true, host: true, integration: true, openedAt: true, closedAt: true, closedBy: true, nextProbeAt: true, errorClass: true, errorCode: true, affected: true } as const;

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

/** In the same order, of many tenants. @param db across the agency's tenants */
export async function listOutagesAcross(db: ScopedDb, group: TenantGroup, filter: OutageFilter, limit: number, after?: OutagePlace): Promise<Page<OutageRecord>> {
  const conditions = [
    Prisma.sql`TRUE`,
    ...(filter.isOpen === undefined ? [] : [filter.isOpen ? Prisma.sql`x.closed_at IS NULL` : Prisma.sql`x.closed_at IS NOT NULL`]),
    ...(filter.integration === undefined ? [] : [Prisma.sql`x.integration = ${filter.integration}`]),
    ...(filter.credentialId === undefined ? [] : [Prisma.sql`x.credential_id = ${filter.credentialId}::uuid`]),
    ...(filter.host === undefined ? [] : [Prisma.sql`x.host = ${filter.host}`]),
    ...(after === undefined
      ? []
      : [
          after.closedAt === null
            ? Prisma.sql`((x.closed_at IS NULL AND x.id < ${after.id}::uuid) OR x.closed_at IS NOT NULL)`
            : Prisma.sql`(x.closed_at, x.id) < (${after.closedAt}, ${after.id}::uuid)`,
        ]),
  ];
  const list = { table: Prisma.sql`outages`, where: Prisma.join(conditions, " AND "), order: Prisma.sql`x.closed_at DESC NULLS FIRST, x.id DESC`, columns: Prisma.sql`, x.closed_at` };
  const keys = await keysAcrossTenants(db, group, list, limit + 1);
  const rows = keys.length === 0 ? [] : await db.outage.findMany({ where: { OR: keys }, select });
  return pageOfRows(inOrder(rows.map(typed), keys), limit);
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

import type { ScopedDb } from "../database/tenant-db.ts";
import { Prisma } from "../generated/client.ts";

/** Which tenants of an agency are listed together; `tenantIds` null for all of them. */
export interface TenantGroup {
  readonly agencyId: string;
  readonly tenantIds: ReadonlySet<string> | null;
}

/** The key of a row. */
export interface RowKey {
  readonly tenantId: string;
  readonly id: string;
}

/** One list over many tenants, in the form of one tenant's: the table is `x`, its tenant is bound. */
export interface ManyTenantsList {
  readonly table: Prisma.Sql;
  /** What narrows it, including the place where the page before ended. */
  readonly where: Prisma.Sql;
  /** An order that an index serves within one tenant and one branch, for example `x.queued_at DESC, x.id DESC`. */
  readonly order: Prisma.Sql;
  /** The columns of the order beside the id: empty, or begun with a comma. */
  readonly columns: Prisma.Sql;
  /** Values of a column, each of which has a part of that index; absent when the tenant alone has one. */
  readonly branches?: { readonly column: Prisma.Sql; readonly values: readonly string[] };
}

/**
 * Keys of the first rows of a list over many tenants, in its order. The first rows of all tenants are among the first rows of as many tenants: those
 * whose own first row comes first. So it costs a probe of an index for each tenant, and a page of rows for each tenant of the page, however many rows there are.
 * @param db across the agency's tenants
 */
export async function keysAcrossTenants(db: ScopedDb, { agencyId, tenantIds }: TenantGroup, { table, where, order, columns, branches }: ManyTenantsList, take: number): Promise<RowKey[]> {
  const only = tenantIds === null ? Prisma.empty : Prisma.sql`AND t.id = ANY (${[...tenantIds]}::uuid[])`;
  const parts = branches === undefined ? Prisma.sql`(VALUES (NULL::text)) AS s(value)` : Prisma.sql`unnest(${[...branches.values]}::text[]) AS s(value)`;
  const inBranch = branches === undefined ? Prisma.empty : Prisma.sql`AND ${branches.column} = b.part`;
  const rows = (limit: number): Prisma.Sql => Prisma.sql`(SELECT x.tenant_id, x.id${columns} FROM ${table} x WHERE x.tenant_id = b.tenant_id ${inBranch} AND ${where} ORDER BY ${order} LIMIT ${limit})`;
  return db.$queryRaw<RowKey[]>`
    WITH branches AS (SELECT t.id AS tenant_id, s.value AS part FROM tenants t CROSS JOIN ${parts} WHERE t.agency_id = ${agencyId}::uuid ${only}),
    heads AS (SELECT b.tenant_id, b.part FROM branches b CROSS JOIN LATERAL ${rows(1)} x ORDER BY ${order} LIMIT ${take})
    SELECT x.tenant_id AS "tenantId", x.id FROM heads b CROSS JOIN LATERAL ${rows(take)} x ORDER BY ${order} LIMIT ${take}`;
}

/** Rows in the order of their keys. */
export function inOrder<R extends RowKey>(rows: readonly R[], keys: readonly RowKey[]): R[] {
  const byKey = new Map(rows.map((row) => [`${row.tenantId}/${row.id}`, row]));
  return keys.flatMap(({ tenantId, id }) => byKey.get(`${tenantId}/${id}`) ?? []);
}

/** Rows of one tenant, without the tenant's id. */
export interface TenantRows {
  readonly tenantId: string;
  readonly rows: readonly Record<string, unknown>[];
}

/** Rows of any tenants in the form that the SQL functions take: each tenant's rows together, so that the database reads each row once. */
export function byTenant(rows: readonly (Readonly<Record<string, unknown>> & { readonly tenantId: string })[]): TenantRows[] {
  return [...Map.groupBy(rows, ({ tenantId }) => tenantId)].map(([tenantId, own]) => ({ tenantId, rows: own.map(({ tenantId: _, ...row }) => row) }));
}

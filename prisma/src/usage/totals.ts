import type { UsageMetric } from "@fluxo/core/usage/metrics";
import type { ScopedDb } from "../database/tenant-db.ts";
import { Prisma } from "../generated/client.ts";
import { pageOfRows, type Page } from "../repositories/page.ts";

/** What a tenant used between two of its calendar days. Of storage: what was kept at the end. */
export interface TenantUsage extends Readonly<Record<UsageMetric, bigint>> {
  readonly tenantId: string;
}

/** The agency's tenants by id. @param db of the agency @param from the first day @param to the day after the last, as ISO dates */
export async function listTenantUsage(db: ScopedDb, agencyId: string, from: string, to: string, limit: number, after?: string): Promise<Page<TenantUsage>> {
  const rows = await db.$queryRaw<TenantUsage[]>`
    SELECT t.id AS "tenantId", u.* FROM (
      SELECT id FROM tenants WHERE agency_id = ${agencyId}::uuid ${after === undefined ? Prisma.empty : Prisma.sql`AND id > ${after}::uuid`} ORDER BY id LIMIT ${limit + 1}
    ) t CROSS JOIN LATERAL (
      SELECT coalesce(sum(d.executions) FILTER (WHERE d.day >= ${from}::date), 0)::bigint AS executions, coalesce(sum(d.node_executions) FILTER (WHERE d.day >= ${from}::date), 0)::bigint AS "nodeExecutions",
             coalesce(sum(d.ai_input_tokens) FILTER (WHERE d.day >= ${from}::date), 0)::bigint AS "aiInputTokens", coalesce(sum(d.ai_output_tokens) FILTER (WHERE d.day >= ${from}::date), 0)::bigint AS "aiOutputTokens",
             coalesce(sum(d.ai_unpriced_tokens) FILTER (WHERE d.day >= ${from}::date), 0)::bigint AS "aiUnpricedTokens", coalesce(sum(d.ai_cost_micros) FILTER (WHERE d.day >= ${from}::date), 0)::bigint AS "aiCostMicros",
             coalesce(sum(d.egress_bytes) FILTER (WHERE d.day >= ${from}::date), 0)::bigint AS "egressBytes", coalesce(sum(d.storage_bytes), 0)::bigint AS "storageBytes"
      FROM usage_days d WHERE d.tenant_id = t.id AND d.day < ${to}::date
    ) u ORDER BY t.id`;
  return pageOfRows(rows, limit);
}

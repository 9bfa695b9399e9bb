import type { UsageGranularity, UsageGroup, UsageMetric } from "@fluxo/core/usage/metrics";
import { Prisma } from "../generated/client.ts";

/** The workflow of usage that belongs to none. */
export const NO_WORKFLOW = "00000000-0000-0000-0000-000000000000";

/** The column of each quantity. */
export const METRIC_COLUMNS: Readonly<Record<UsageMetric, Prisma.Sql>> = {
  executions: Prisma.sql`executions`,
  nodeExecutions: Prisma.sql`node_executions`,
  aiInputTokens: Prisma.sql`ai_input_tokens`,
  aiOutputTokens: Prisma.sql`ai_output_tokens`,
  aiUnpricedTokens: Prisma.sql`ai_unpriced_tokens`,
  aiCostMicros: Prisma.sql`ai_cost_micros`,
  egressBytes: Prisma.sql`egress_bytes`,
  storageBytes: Prisma.sql`storage_bytes`,
};

/** The column of each group, as a text. */
export const GROUP_COLUMNS: Readonly<Record<UsageGroup, Prisma.Sql>> = {
  workflow: Prisma.sql`CASE workflow_id WHEN ${NO_WORKFLOW}::uuid THEN '' ELSE workflow_id::text END`,
  nodeType: Prisma.sql`node_type`,
  integration: Prisma.sql`integration`,
  model: Prisma.sql`model`,
};

/** A span of hours or days as instants; days are those of the tenant's zone. */
export interface UsageSpan {
  readonly granularity: UsageGranularity;
  readonly from: Date;
  readonly to: Date;
}

/** The sums of a granularity under one shape: their table, their bucket as it is answered, and the conditions that bound it. */
export function bucketsOf(tenantId: string, { granularity, from, to }: UsageSpan): { readonly table: Prisma.Sql; readonly start: Prisma.Sql; readonly since: Prisma.Sql; readonly until: Prisma.Sql } {
  if (granularity === "hour") {
    return {
      table: Prisma.sql`usage_hours`,
      start: Prisma.sql`to_char(hour AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS".000Z"')`,
      since: Prisma.sql`hour >= date_trunc('hour', ${from}::timestamptz, 'UTC')`,
      until: Prisma.sql`hour < ${to}::timestamptz`,
    };
  }
  const dayOf = (instant: Date): Prisma.Sql => Prisma.sql`(${instant}::timestamptz AT TIME ZONE (SELECT time_zone FROM tenants WHERE id = ${tenantId}::uuid))::date`;
  return {
    table: Prisma.sql`usage_days`,
    start: Prisma.sql`day::text`,
    since: Prisma.sql`day >= ${dayOf(from)}`,
    until: Prisma.sql`day <= ${dayOf(new Date(to.getTime() - 1))}`,
  };
}

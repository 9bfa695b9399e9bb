import type { UsageMetric } from "@fluxo/core/usage/metrics";
import type { TenantDb } from "../database/tenant-db.ts";
import { Prisma } from "../generated/client.ts";
import { bucketsOf, NO_WORKFLOW, type UsageSpan } from "./columns.ts";

/** All quantities of one hour or day, workflow, node type, integration and model. Of storage the change. */
export interface UsageRow extends Readonly<Record<UsageMetric, bigint>> {
  readonly start: string;
  readonly workflowId: string;
  readonly nodeType: string;
  readonly integration: string;
  readonly model: string;
}

const PORTION = 1_000;

/** Whether usage belongs to a workflow. */
export function hasWorkflow({ workflowId }: UsageRow): boolean {
  return workflowId !== NO_WORKFLOW;
}

/** The rows of a span in the order of time, portion by portion, each read in a transaction of its own: nothing is held while the reader is slow. */
export async function* usageRows(tenantDb: TenantDb, tenantId: string, span: UsageSpan): AsyncGenerator<UsageRow> {
  const { table, start, since, until } = bucketsOf(tenantId, span);
  const bucket = span.granularity === "hour" ? Prisma.sql`hour` : Prisma.sql`day`;
  const type = span.granularity === "hour" ? Prisma.sql`timestamptz` : Prisma.sql`date`;
  for (let after: UsageRow | undefined; ; ) {
    const last = after;
    const rows: UsageRow[] = await tenantDb.withTenant(
      tenantId,
      (db) => db.$queryRaw<UsageRow[]>`
        SELECT ${start} AS start, workflow_id AS "workflowId", node_type AS "nodeType", integration, model, executions, node_executions AS "nodeExecutions", ai_input_tokens AS "aiInputTokens",
               ai_output_tokens AS "aiOutputTokens", ai_unpriced_tokens AS "aiUnpricedTokens", ai_cost_micros AS "aiCostMicros", egress_bytes AS "egressBytes", storage_bytes AS "storageBytes"
        FROM ${table} WHERE tenant_id = ${tenantId}::uuid AND ${since} AND ${until}
          ${last === undefined ? Prisma.empty : Prisma.sql`AND (${bucket}, workflow_id, node_type, integration, model) > (${last.start}::${type}, ${last.workflowId}::uuid, ${last.nodeType}, ${last.integration}, ${last.model})`}
        ORDER BY ${bucket}, workflow_id, node_type, integration, model LIMIT ${PORTION}`,
    );
    yield* rows;
    after = rows.at(-1);
    if (rows.length < PORTION) return;
  }
}

import type { UsageGroup, UsageMetric } from "@fluxo/core/usage/metrics";
import type { ScopedDb } from "../database/tenant-db.ts";
import { Prisma } from "../generated/client.ts";
import { pageOfRows, type Page } from "../repositories/page.ts";
import { bucketsOf, GROUP_COLUMNS, METRIC_COLUMNS, type UsageSpan } from "./columns.ts";

export interface UsageQuestion extends UsageSpan {
  readonly metric: UsageMetric;
  readonly groupBy: UsageGroup | undefined;
}

/** One quantity of one hour or day. */
export interface UsagePoint {
  readonly start: string;
  /** Empty for what has none, and without a group. */
  readonly group: string;
  readonly quantity: bigint;
}

/** Oldest first. Of storage: what was kept at the end of each bucket that changed it. @param db of the tenant */
export async function listUsagePoints(db: ScopedDb, tenantId: string, question: UsageQuestion, limit: number, after?: Pick<UsagePoint, "start" | "group">): Promise<Page<UsagePoint>> {
  const { metric, groupBy } = question;
  const { table, start, since, until } = bucketsOf(tenantId, question);
  const column = METRIC_COLUMNS[metric];
  const group = groupBy === undefined ? Prisma.sql`''` : GROUP_COLUMNS[groupBy];
  const isLevel = metric === "storageBytes";
  const quantity = isLevel ? Prisma.sql`(sum(sum(${column})) OVER (ORDER BY ${start}))::bigint` : Prisma.sql`sum(${column})::bigint`;
  const rows = await db.$queryRaw<UsagePoint[]>`
    SELECT b.start, b."group", b.quantity FROM (
      SELECT ${start} AS start, ${group} AS "group", ${quantity} AS quantity, bool_or(${since}) AS is_asked
      FROM ${table} WHERE tenant_id = ${tenantId}::uuid AND ${until} ${isLevel ? Prisma.empty : Prisma.sql`AND ${since}`}
      GROUP BY 1, 2 HAVING bool_or(${column} <> 0)
    ) b
    WHERE b.is_asked ${after === undefined ? Prisma.empty : Prisma.sql`AND (b.start, b."group") > (${after.start}, ${after.group})`}
    ORDER BY b.start, b."group" LIMIT ${limit + 1}`;
  return pageOfRows(rows, limit);
}

import type { NodeFailure } from "@fluxo/core/errors/failure";
import type { ScopedDb } from "../database/tenant-db.ts";
import type { Prisma } from "../generated/client.ts";
import { pageOfRows, type Page } from "./page.ts";

/** A node that failed for good. */
export interface FailedNodeRecord {
  readonly executionId: string;
  readonly workflowId: string;
  readonly nodeId: string;
  readonly item: number;
  readonly attempt: number;
  readonly failedAt: Date;
  readonly failure: NodeFailure;
}

/** All that are given must hold. `from` is included, `to` is not. */
export interface FailedNodeFilter {
  readonly nodeType?: string | undefined;
  readonly integration?: string | undefined;
  readonly code?: string | undefined;
  readonly workflowId?: string | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

/** Where a page ended. */
export type FailedNodePlace = Pick<FailedNodeRecord, "failedAt" | "executionId" | "nodeId" | "item">;

/** Latest first; seeded rows are those of the execution that was repeated, which has them already. @param db of the tenant */
export async function listFailedNodes(db: ScopedDb, tenantId: string, filter: FailedNodeFilter, limit: number, before?: FailedNodePlace): Promise<Page<FailedNodeRecord>> {
  const { nodeType, integration, code, workflowId, from, to } = filter;
  const conditions: Prisma.NodeExecutionWhereInput[] = [
    { tenantId, status: "FAILED", isSeeded: false },
    ...(nodeType === undefined ? [] : [{ nodeType }]),
    ...(integration === undefined ? [] : [{ integration }]),
    ...(code === undefined ? [] : [{ failure: { path: ["code"], equals: code } }]),
    ...(workflowId === undefined ? [] : [{ execution: { workflowId } }]),
    ...(from === undefined ? [] : [{ completedAt: { gte: from } }]),
    ...(to === undefined ? [] : [{ completedAt: { lt: to } }]),
    ...(before === undefined ? [] : after(before)),
  ];
  const rows = await db.nodeExecution.findMany({
    where: { AND: conditions },
    select: { executionId: true, nodeId: true, item: true, attempt: true, completedAt: true, failure: true, execution: { select: { workflowId: true } } },
    orderBy: [{ completedAt: "desc" }, { executionId: "desc" }, { nodeId: "asc" }, { item: "asc" }],
    take: limit + 1,
  });
  return pageOfRows(rows.map(({ execution, completedAt, failure, ...row }) => ({ ...row, workflowId: execution.workflowId, failedAt: completedAt ?? new Date(0), failure: failure as unknown as NodeFailure })), limit);
}

/** The first condition alone bounds the index scan; the second one skips what was listed of the same millisecond. */
function after({ failedAt, executionId, nodeId, item }: FailedNodePlace): Prisma.NodeExecutionWhereInput[] {
  return [
    { completedAt: { lte: failedAt } },
    {
      OR: [
        { completedAt: { lt: failedAt } },
        { executionId: { lt: executionId } },
        { executionId, nodeId: { gt: nodeId } },
        { executionId, nodeId, item: { gt: item } },
      ],
    },
  ];
}

import type { ChildStart } from "@fluxo/core/node/child";
import type pg from "pg";
import { byTenant } from "../database/by-tenant.ts";
import { toJsonb } from "../database/jsonb.ts";
import { inlineOrReference } from "./intake.ts";

/** A sub-workflow that a node of a running execution asks for. */
export interface ChildItem extends Pick<ChildStart, "workflowId" | "input" | "isAwaited"> {
  readonly tenantId: string;
  readonly parent: { readonly executionId: string; readonly epoch: number; readonly nodeId: string; readonly item: number };
  /** The node's key: however often it is asked for, it is started once. */
  readonly idempotencyKey: string;
  /** The id that the child gets if it was not started before. */
  readonly executionId: string;
  /** Id for the stored input if it is above the inline threshold. */
  readonly payloadId: string;
  readonly occurredAt: Date;
}

/**
 * `started`: the child is there, by this call or an earlier one. `fenced`: the parent is another worker's by now. `tooDeep`: the parent is as deep as may be.
 * `absent`: the tenant has no such workflow, or none that can be called.
 */
export type ChildResult = { readonly outcome: "started"; readonly executionId: string } | { readonly outcome: "fenced" | "tooDeep" | "absent" };

/**
 * Starts sub-workflows of any number of executions and tenants in one statement, through intake. Results are in the order of the items.
 * @param db fluxo_app
 */
export async function startChildren(db: pg.Pool, items: readonly ChildItem[]): Promise<ChildResult[]> {
  const rows = items.map(({ tenantId, parent, idempotencyKey, executionId, workflowId, input, isAwaited, payloadId, occurredAt }, idx) => ({
    idx,
    tenantId,
    parentId: parent.executionId,
    parentNodeId: parent.nodeId,
    parentItem: parent.item,
    epoch: parent.epoch,
    workflowId,
    occurrenceKey: idempotencyKey,
    executionId,
    isAwaited,
    occurredAt,
    ...inlineOrReference("input", input, payloadId),
  }));
  const answer = await db.query<{ idx: number; outcome: ChildResult["outcome"]; execution_id: string | null }>({
    name: "fluxo_start_children",
    text: "SELECT idx, outcome, execution_id FROM fluxo_start_children($1)",
    values: [toJsonb(byTenant(rows))],
  });
  const results: ChildResult[] = items.map(() => ({ outcome: "absent" }));
  for (const { idx, outcome, execution_id: executionId } of answer.rows) {
    if (outcome !== "started") results[idx] = { outcome };
    else if (executionId !== null) results[idx] = { outcome, executionId };
  }
  return results;
}

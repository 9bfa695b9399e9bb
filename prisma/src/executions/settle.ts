import type { ErrorCode } from "@fluxo/core/errors/codes";
import type { Json } from "@fluxo/core/json";
import type { WaitingReason } from "@fluxo/core/status/execution-status";
import type pg from "pg";
import { byTenant } from "../database/by-tenant.ts";
import { toJsonb } from "../database/jsonb.ts";
import { inlineOrReference } from "./intake.ts";

export interface ExecutionError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly stack: string | null;
  readonly nodeId: string | null;
}

/** How an execution leaves RUNNING. A `resumeAt` of null: the end of a sub-workflow wakes it. */
export type Settlement =
  | { readonly status: "SUCCESS"; readonly output: Json }
  | { readonly status: "FAILED"; readonly output: Json; readonly error: ExecutionError }
  | { readonly status: "CANCELED"; readonly output: Json }
  | { readonly status: "WAITING"; readonly reason: WaitingReason; readonly resumeAt: Date | null };

export interface SettleItem {
  readonly tenantId: string;
  readonly executionId: string;
  readonly epoch: number;
  /** Id for the stored output if it is above the inline threshold. */
  readonly payloadId: string;
  readonly settlement: Settlement;
}

function toRow({ tenantId, executionId, epoch, payloadId, settlement }: SettleItem): Record<string, unknown> & { readonly tenantId: string } {
  const row = { tenantId, executionId, epoch, status: settlement.status };
  if (settlement.status === "WAITING") return { ...row, reason: settlement.reason, resumeAt: settlement.resumeAt };
  const ended = { ...row, ...inlineOrReference("output", settlement.output, payloadId) };
  if (settlement.status === "CANCELED") return { ...ended, errorCode: "EXECUTION_CANCELED" satisfies ErrorCode, errorMessage: "The execution was canceled." };
  if (settlement.status === "SUCCESS") return ended;
  const { code, message, stack, nodeId } = settlement.error;
  return { ...ended, errorCode: code, errorMessage: message, errorStack: stack, errorNodeId: nodeId };
}

/**
 * Ends or suspends executions of any tenants in one statement: status, output, quota, slot and wake-ups together.
 * @param db fluxo_app
 * @returns the ids that were settled; a missing one belongs to another epoch by now
 */
export async function settleExecutions(db: pg.Pool, items: readonly SettleItem[]): Promise<ReadonlySet<string>> {
  const { rows } = await db.query<{ execution_id: string }>({
    name: "fluxo_settle",
    text: "SELECT execution_id FROM fluxo_settle($1)",
    values: [toJsonb(byTenant(items.map(toRow)))],
  });
  return new Set(rows.map((row) => row.execution_id));
}

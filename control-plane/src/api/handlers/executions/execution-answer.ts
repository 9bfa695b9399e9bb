import type { executionSchema, executionSummarySchema } from "@fluxo/contracts/http/executions";
import type { ExecutionRecord, ExecutionSummaryRecord } from "@fluxo/prisma/repositories/executions";
import type { z } from "zod";
import { durationBetween, toInstant } from "../instants.ts";

type SummaryAnswer = z.input<typeof executionSummarySchema>;

/** An execution as lists answer it. */
export function toSummaryAnswer(execution: ExecutionSummaryRecord): SummaryAnswer {
  return {
    id: execution.id,
    tenantId: execution.tenantId,
    workflowId: execution.workflowId,
    version: execution.version,
    trigger: { id: execution.trigger.id, nodeId: execution.triggerNodeId, kind: execution.trigger.kind },
    status: execution.status,
    reason: execution.reason,
    queuedAt: toInstant(execution.queuedAt),
    startedAt: toInstant(execution.startedAt),
    completedAt: toInstant(execution.completedAt),
    resumeAt: toInstant(execution.resumeAt),
    durationMs: durationBetween(execution.startedAt, execution.completedAt),
    cancelRequestedAt: toInstant(execution.cancelRequestedAt),
    rerunOf: execution.rerunOf,
    parent: toParentAnswer(execution),
    error: toErrorAnswer(execution),
  };
}

/** An execution with everything that is recorded of it but its journal. */
export function toExecutionAnswer(execution: ExecutionRecord, reruns: { readonly count: number; readonly ids: readonly string[] }): z.input<typeof executionSchema> {
  const { error, ...summary } = toSummaryAnswer(execution);
  const { occurrenceKey, inngestEventId, errorStack, input, output } = execution;
  return { ...summary, occurrenceKey, inngestEventId, error: error === null ? null : { ...error, stack: errorStack }, input, output, reruns: { count: reruns.count, ids: [...reruns.ids] } };
}

function toParentAnswer({ parentExecutionId: executionId, parentNodeId: nodeId, parentItem: item }: ExecutionSummaryRecord): SummaryAnswer["parent"] {
  return executionId === null || nodeId === null || item === null ? null : { executionId, nodeId, item };
}

function toErrorAnswer({ errorCode, errorMessage, errorNodeId }: ExecutionSummaryRecord): SummaryAnswer["error"] {
  return errorCode === null ? null : { code: errorCode, message: errorMessage ?? "", nodeId: errorNodeId };
}

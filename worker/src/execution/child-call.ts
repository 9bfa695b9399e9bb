import { awaitedChild, CHILD_DEPTH_MAX, childOutput, type ChildOutcome } from "@fluxo/core/node/child";
import { toNodeFailure } from "@fluxo/core/errors/failure";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { IdSource } from "@fluxo/core/ports/clock";
import type { ChildItem, ChildResult } from "@fluxo/prisma/executions/children";
import type { ClaimedExecution, JournalEntry } from "@fluxo/prisma/executions/claim";
import type { NodeEnd } from "./node-runner.ts";
import type { CompiledNode } from "./version-cache.ts";

/** The node that calls a sub-workflow, and what it is called with. */
export interface ChildCall {
  readonly claimed: ClaimedExecution;
  readonly compiled: CompiledNode;
  /** 0 outside of loops. */
  readonly item: number;
  readonly asked: Extract<NodeEnd, { kind: "child" }>;
  readonly ids: IdSource;
  readonly now: Date;
}

/** Starts the sub-workflow of a node, or finds the one that it started before: the node waits for it, is done, or failed. `aborted`: the execution is another worker's by now. */
export async function callChild(call: ChildCall, start: (item: ChildItem) => Promise<ChildResult>): Promise<NodeEnd> {
  const { claimed, compiled, item, asked, ids, now } = call;
  const { start: what, attempt, attempts, startedAt } = asked;
  const base = { attempt, attempts, startedAt };
  const result = await start({
    ...what,
    tenantId: claimed.tenantId,
    parent: { executionId: claimed.executionId, epoch: claimed.epoch, nodeId: compiled.node.id, item },
    idempotencyKey: `${claimed.executionId}:${compiled.node.id}:${item}`,
    executionId: ids.next(),
    payloadId: ids.next(),
    occurredAt: now,
  });
  switch (result.outcome) {
    case "started": {
      const { executionId } = result;
      if (what.isAwaited) return { ...base, kind: "awaiting", output: { executionId, toleratesFailure: what.toleratesFailure } };
      return { ...base, kind: "done", output: { executionId, status: "QUEUED", results: {} }, ports: ["main"] };
    }
    case "fenced":
      return { kind: "aborted" };
    case "tooDeep":
      return { ...base, kind: "failed", failure: failureOf(compiled, attempt, now, new NodeError(`Workflows may call each other ${CHILD_DEPTH_MAX} deep.`, { errorClass: "REFUSED", code: "CHILD_DEPTH_EXCEEDED" })) };
    case "absent": {
      const message = `The workflow ${what.workflowId} does not exist, or its published version has no trigger.workflow node.`;
      return { ...base, kind: "failed", failure: failureOf(compiled, attempt, now, new NodeError(message, { errorClass: "DATA", code: "CHILD_UNAVAILABLE" })) };
    }
    default:
      return result satisfies never;
  }
}

/** How a node ends whose sub-workflow ended. @throws NodeError INTERNAL, EXECUTION_UNREADABLE when its row tells of none */
export function endOfChild(entry: JournalEntry, child: ChildOutcome, compiled: CompiledNode, now: Date): NodeEnd {
  const base = { attempt: entry.attempt, attempts: entry.attempts, startedAt: entry.startedAt === null ? now : new Date(entry.startedAt) };
  const { toleratesFailure } = awaitedChild(entry.output);
  try {
    return { ...base, kind: "done", output: childOutput(child, toleratesFailure), ports: ["main"] };
  } catch (error) {
    return { ...base, kind: "failed", failure: failureOf(compiled, entry.attempt, now, error) };
  }
}

function failureOf({ node, definition }: CompiledNode, attempt: number, now: Date, error: unknown): ReturnType<typeof toNodeFailure> {
  return toNodeFailure(error, { id: node.id, name: node.name, type: node.type, integration: definition.integration, attempt }, now);
}

import type { ErrorCode } from "./codes.ts";
import { NodeError, type ErrorClass } from "./node-error.ts";
import { normalizeMessage, normalizeStack } from "./normalize.ts";

/** The record of how one node failed, as executions and failure reports hold it. Fit to be shown to the tenant. */
export interface NodeFailure {
  readonly nodeId: string;
  /** The node's name, or its id when it has none. */
  readonly name: string;
  readonly type: string;
  /** The outside system that the node talks to; null for none. */
  readonly integration: string | null;
  readonly message: string;
  readonly errorClass: ErrorClass;
  readonly code: ErrorCode;
  readonly stack?: string;
  /** ISO 8601, UTC. */
  readonly occurredAt: string;
  /** The attempt that failed, from 1. */
  readonly attempt: number;
}

/** The node that failed. */
export interface FailedNode {
  readonly id: string;
  readonly name?: string | undefined;
  readonly type: string;
  readonly integration: string | null;
  readonly attempt: number;
}

/**
 * The failure that an attempt's error stands for. An error that is no NodeError is a defect: INTERNAL, NODE_INTERNAL.
 * @param redact takes known secrets out, before anything is cut in half
 */
export function toNodeFailure(error: unknown, node: FailedNode, now: Date, redact = (text: string): string => text): NodeFailure {
  const isKnown = error instanceof NodeError;
  const stack = error instanceof Error && error.stack !== undefined ? normalizeStack(redact(error.stack)) : undefined;
  return {
    nodeId: node.id,
    name: node.name ?? node.id,
    type: node.type,
    integration: node.integration,
    message: normalizeMessage(redact(messageOf(error))),
    errorClass: isKnown ? error.errorClass : "INTERNAL",
    code: isKnown ? error.code : "NODE_INTERNAL",
    ...(stack === undefined ? {} : { stack }),
    occurredAt: now.toISOString(),
    attempt: node.attempt,
  };
}

function messageOf(error: unknown): string {
  if (error instanceof Error && error.message !== "") {
    return error.message;
  }
  return typeof error === "string" && error !== "" ? error : "The node failed without a message.";
}

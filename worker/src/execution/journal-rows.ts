import type { NodeFailure } from "@fluxo/core/errors/failure";
import type { Json } from "@fluxo/core/json";
import type { ClaimedExecution } from "@fluxo/prisma/executions/claim";
import type { JournalRow } from "@fluxo/prisma/executions/journal";
import type { NodeEnd } from "./node-runner.ts";
import type { CompiledNode } from "./version-cache.ts";

/** Row of a node that no taken edge leads to. */
export function skippedRow(claimed: ClaimedExecution, { node, position, definition }: CompiledNode, payloadId: string): JournalRow {
  return {
    tenantId: claimed.tenantId,
    executionId: claimed.executionId,
    epoch: claimed.epoch,
    nodeId: node.id,
    item: 0,
    position,
    nodeType: node.type,
    nodeName: node.name ?? node.id,
    integration: definition.integration,
    status: "SKIPPED",
    attempt: 0,
    ports: [],
    usage: null,
    output: null,
    payloadId,
    failure: null,
    attempts: [],
    startedAt: null,
    completedAt: null,
    resumeAt: null,
    reason: null,
  };
}

/** Row of a node that ended or waits. A failure that is handled takes a port: `main` with the failure as output, or `error`. */
export function journalRow(parts: {
  readonly claimed: ClaimedExecution;
  readonly compiled: CompiledNode;
  readonly end: Exclude<NodeEnd, { kind: "aborted" }>;
  readonly payloadId: string;
  readonly now: Date;
}): JournalRow {
  const { claimed, compiled, end, payloadId, now } = parts;
  const base: JournalRow = { ...skippedRow(claimed, compiled, payloadId), attempt: end.attempt, attempts: end.attempts, startedAt: end.startedAt };
  switch (end.kind) {
    case "done":
      return { ...base, status: "SUCCESS", output: end.output, ports: end.ports, usage: end.usage ?? null, completedAt: now };
    case "delayed":
      return { ...base, status: "WAITING", output: end.output, resumeAt: end.resumeAt, reason: "DELAY" };
    case "backoff":
      return { ...base, status: "WAITING", failure: end.failure, resumeAt: end.resumeAt, reason: "BACKOFF" };
    case "failed":
      return { ...base, status: "FAILED", failure: end.failure, completedAt: now, ...handled(compiled, end.failure) };
    default:
      return end satisfies never;
  }
}

function handled({ node }: CompiledNode, failure: NodeFailure): { readonly ports: readonly string[]; readonly output: Json } {
  if (node.onError === "stop") return { ports: [], output: null };
  const { message, code, errorClass } = failure;
  return { ports: [node.onError === "branch" ? "error" : "main"], output: { error: { message, code, errorClass } } };
}

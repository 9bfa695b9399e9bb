import type { NodeFailure } from "@fluxo/core/errors/failure";
import type { Json } from "@fluxo/core/json";
import type { ClaimedExecution } from "@fluxo/prisma/executions/claim";
import type { JournalRow } from "@fluxo/prisma/executions/journal";
import type { NodeEnd } from "./node-runner.ts";
import type { CompiledNode } from "./version-cache.ts";

/** How a running node ended, where its row can tell it. */
export type RecordedEnd = Exclude<NodeEnd, { kind: "aborted" } | { kind: "loop" } | { kind: "child" }>;

/** What every row of a node is made of. */
export interface RowParts {
  readonly claimed: ClaimedExecution;
  readonly compiled: CompiledNode;
  /** The item of a loop; 0 outside of loops. */
  readonly item: number;
  readonly payloadId: string;
  readonly now: Date;
}

/** Row of a node that no taken edge leads to. */
export function skippedRow({ claimed, compiled: { node, position, definition }, item, payloadId }: RowParts): JournalRow {
  return {
    tenantId: claimed.tenantId,
    executionId: claimed.executionId,
    epoch: claimed.epoch,
    nodeId: node.id,
    item,
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

/** Row of a node that begins: an act that must not be repeated, or a loop. */
export function intentRow(parts: RowParts, attempts: readonly NodeFailure[]): JournalRow {
  return { ...skippedRow(parts), status: "RUNNING", attempt: attempts.length + 1, attempts, startedAt: parts.now };
}

/** Row of a node that ended or waits. A failure that is handled takes a port: `main` with the failure as output, or `error`. */
export function journalRow(parts: RowParts & { readonly end: RecordedEnd }): JournalRow {
  const { compiled, end, now } = parts;
  const base: JournalRow = { ...skippedRow(parts), attempt: end.attempt, attempts: end.attempts, usage: end.usage ?? null, startedAt: end.startedAt };
  switch (end.kind) {
    case "done":
      return { ...base, status: "SUCCESS", output: end.output, ports: end.ports, completedAt: now };
    case "delayed":
      return { ...base, status: "WAITING", output: end.output, resumeAt: end.resumeAt, reason: "DELAY" };
    case "awaiting":
      return { ...base, status: "WAITING", output: end.output, reason: "CHILD" };
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

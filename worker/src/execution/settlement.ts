import type { NodeFailure } from "@fluxo/core/errors/failure";
import type { Json, JsonObject } from "@fluxo/core/json";
import { jsonBytes } from "@fluxo/core/size";
import type { Settlement } from "@fluxo/prisma/executions/settle";
import type { RecordedEnd } from "./journal-rows.ts";
import { OUTPUT_BYTES_MAX } from "./limits.ts";
import type { CompiledVersion } from "./version-cache.ts";

/** A node that waits: for an instant, or for the end of a sub-workflow. */
export type Waiting = { readonly reason: "DELAY" | "BACKOFF"; readonly resumeAt: Date } | { readonly reason: "CHILD" };

/** What a node waits for that ended for now; undefined when it ended for good. */
export function waitingOf(end: RecordedEnd): Waiting | undefined {
  if (end.kind === "delayed") return { reason: "DELAY", resumeAt: end.resumeAt };
  if (end.kind === "backoff") return { reason: "BACKOFF", resumeAt: end.resumeAt };
  return end.kind === "awaiting" ? { reason: "CHILD" } : undefined;
}

export interface RunState {
  readonly version: CompiledVersion;
  readonly outputs: ReadonlyMap<string, Json>;
  /** In plan order. */
  readonly failures: readonly NodeFailure[];
  readonly waiting: readonly Waiting[];
  readonly stop: { readonly kind: "failed"; readonly failure: NodeFailure } | { readonly kind: "canceled" } | { readonly kind: "lost" } | undefined;
}

/** How a run that has nothing left to do leaves RUNNING: a failure or a cancel ends it even while other nodes wait. */
export function settlementOf(state: RunState): Settlement {
  const output = outputSnapshot(state);
  if (state.stop?.kind === "failed") {
    const { code, message, stack, nodeId } = state.stop.failure;
    return { status: "FAILED", output, error: { code, message, stack: stack ?? null, nodeId } };
  }
  if (state.stop !== undefined) return { status: "CANCELED", output };
  const timed = state.waiting.filter((waiting) => waiting.reason !== "CHILD");
  const next = timed.toSorted((left, right) => left.resumeAt.getTime() - right.resumeAt.getTime())[0];
  if (next !== undefined) return { status: "WAITING", reason: next.reason, resumeAt: next.resumeAt };
  if (state.waiting.length > 0) return { status: "WAITING", reason: "CHILD", resumeAt: null };
  return { status: "SUCCESS", output };
}

/**
 * `{ results, failures }`: the outputs of the nodes in which taken branches end, by alias or id in plan order, and every failure, handled or not.
 * A result that would make the snapshot too large is left out and named under `omitted`; the journal has it.
 */
function outputSnapshot({ version, outputs, failures }: RunState): JsonObject {
  const results: JsonObject = {};
  const omitted: string[] = [];
  let left = OUTPUT_BYTES_MAX;
  for (const { node, outgoing } of version.plan.nodes) {
    const output = outputs.get(node.id);
    const isLast = [...outgoing.values()].flat().every(({ to }) => !outputs.has(version.plan.nodes[to]?.node.id ?? ""));
    if (output === undefined || !isLast) continue;
    const name = node.alias ?? node.id;
    left -= jsonBytes(output);
    if (left < 0) omitted.push(name);
    else results[name] = output;
  }
  return { results, failures: failures.map((failure) => ({ ...failure })), ...(omitted.length === 0 ? {} : { omitted }) };
}

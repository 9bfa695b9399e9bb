import type { NodeFailure } from "@fluxo/core/errors/failure";
import type { Json, JsonObject } from "@fluxo/core/json";
import { jsonBytes } from "@fluxo/core/size";
import type { Settlement } from "@fluxo/prisma/executions/settle";
import { OUTPUT_BYTES_MAX } from "./limits.ts";
import type { CompiledVersion } from "./version-cache.ts";

/** A node that waits: until when, and for what. */
export interface Waiting {
  readonly reason: "DELAY" | "BACKOFF";
  readonly resumeAt: Date;
}

export interface RunState {
  readonly version: CompiledVersion;
  readonly outputs: ReadonlyMap<string, Json>;
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
  const next = state.waiting.toSorted((left, right) => left.resumeAt.getTime() - right.resumeAt.getTime())[0];
  if (next !== undefined) return { status: "WAITING", reason: next.reason, resumeAt: next.resumeAt };
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
  const inPlanOrder = failures.toSorted((a, b) => (version.plan.positions.get(a.nodeId) ?? 0) - (version.plan.positions.get(b.nodeId) ?? 0));
  return { results, failures: inPlanOrder.map((failure) => ({ ...failure })), ...(omitted.length === 0 ? {} : { omitted }) };
}

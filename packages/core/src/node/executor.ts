import type { Json, JsonObject } from "../json.ts";
import type { ChildStart } from "./child.ts";
import type { LoopWork } from "./loop.ts";
import type { NodeUsage } from "./usage.ts";
import type { Clock } from "../ports/clock.ts";
import type { NodePorts, NodeScope } from "../ports/node-ports.ts";

/** The committed output of a node that leads into this one. */
export interface NodeInput {
  readonly nodeId: string;
  readonly port: string;
  readonly output: Json;
}

/** What one attempt of a node is given. Everything it may use comes from here. */
export interface NodeContext extends NodeScope, NodePorts {
  /** From 1. */
  readonly attempt: number;
  /** `executionId:nodeId:item`, the same over attempts, so that a provider can drop the repeat (invariant I4). */
  readonly idempotencyKey: string;
  /** Taken incoming branches, in plan order. */
  readonly inputs: readonly NodeInput[];
  /** The payload that the trigger recorded. */
  readonly trigger: JsonObject;
  /** Aborts on cancel, on time-out and when the lease is lost. */
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/**
 * `done`: the output and the ports taken (`main` when absent). `suspended`: the same, but only from `resumeAt` on.
 * `child`: an execution of another workflow is to be started, which the engine does; its end, or its start where nobody waits for the end, makes the output.
 * `loop`: the engine runs the body once per item and makes the node's output of what comes out.
 */
export type NodeResult =
  | { readonly kind: "done"; readonly output: Json; readonly ports?: readonly string[]; readonly usage?: NodeUsage }
  | { readonly kind: "suspended"; readonly reason: "DELAY"; readonly resumeAt: Date; readonly output: Json }
  | { readonly kind: "loop"; readonly work: LoopWork }
  | { readonly kind: "child"; readonly start: ChildStart };

/** Runs one attempt with parameters that fit the type's schema. @throws NodeError */
export type NodeExecutor<P> = (params: P, context: NodeContext) => Promise<NodeResult> | NodeResult;

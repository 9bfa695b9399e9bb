import type { Json, JsonObject } from "../json.ts";
import type { Clock } from "../ports/clock.ts";
import type { HttpPort } from "../ports/http.ts";

/** The committed output of a node that leads into this one. */
export interface NodeInput {
  readonly nodeId: string;
  readonly port: string;
  readonly output: Json;
}

/** What one attempt of a node is given. Everything it may use comes from here. */
export interface NodeContext {
  readonly tenantId: string;
  readonly executionId: string;
  readonly nodeId: string;
  /** 0 outside of loops. */
  readonly item: number;
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
  readonly http: HttpPort;
}

/** `done`: the output and the ports taken (`main` when absent). `suspended`: the same, but only from `resumeAt` on. */
export type NodeResult =
  | { readonly kind: "done"; readonly output: Json; readonly ports?: readonly string[] }
  | { readonly kind: "suspended"; readonly reason: "DELAY"; readonly resumeAt: Date; readonly output: Json };

/** Runs one attempt with parameters that fit the type's schema. @throws NodeError */
export type NodeExecutor<P> = (params: P, context: NodeContext) => Promise<NodeResult> | NodeResult;

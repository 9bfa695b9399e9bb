import type { ErrorCode } from "../errors/codes.ts";
import { NodeError } from "../errors/node-error.ts";
import type { Json, JsonObject } from "../json.ts";
import type { ExecutionStatus } from "../status/execution-status.ts";

/** Sub-workflows may call sub-workflows so deep; the execution that nobody called has the depth 0. */
export const CHILD_DEPTH_MAX = 5;

/** What a node asks to be started. */
export interface ChildStart {
  readonly workflowId: string;
  readonly input: JsonObject;
  /** Whether the node ends with the child, or as soon as it is started. */
  readonly isAwaited: boolean;
  /** Whether a child that did not succeed makes an output instead of a failure. */
  readonly toleratesFailure: boolean;
}

/** A child that a node waits for, as the journal keeps it: the output of the waiting row. */
export interface AwaitedChild {
  readonly executionId: string;
  readonly toleratesFailure: boolean;
}

/** How a child ended. `results` as in its output snapshot; null when it recorded none. */
export interface ChildOutcome {
  readonly executionId: string;
  readonly status: ExecutionStatus;
  readonly results: Json;
  readonly errorCode: ErrorCode | null;
  readonly errorMessage: string | null;
}

/**
 * The output of a node whose child ended: `{ executionId, status, results }`, with `error` when the child did not succeed and the node tolerates it.
 * @throws NodeError DATA, CHILD_FAILED with the child's id and code
 */
export function childOutput({ executionId, status, results, errorCode, errorMessage }: ChildOutcome, toleratesFailure: boolean): JsonObject {
  const output = { executionId, status, results: results ?? {} };
  if (status === "SUCCESS") return output;
  const code = errorCode ?? "EXECUTION_FAILED";
  if (toleratesFailure) return { ...output, error: { code, message: errorMessage ?? "" } };
  throw new NodeError(`The called execution ${executionId} ended with ${status}: ${code}${errorMessage === null ? "" : `, ${errorMessage}`}`, { errorClass: "DATA", code: "CHILD_FAILED" });
}

/** What a waiting row tells of its child. @throws NodeError INTERNAL, EXECUTION_UNREADABLE when it tells of none */
export function awaitedChild(output: Json): AwaitedChild {
  if (typeof output === "object" && output !== null && !Array.isArray(output)) {
    const { executionId, toleratesFailure } = output;
    if (typeof executionId === "string") return { executionId, toleratesFailure: toleratesFailure === true };
  }
  throw new NodeError("The journal does not tell which execution the node waits for.", { errorClass: "INTERNAL", code: "EXECUTION_UNREADABLE" });
}

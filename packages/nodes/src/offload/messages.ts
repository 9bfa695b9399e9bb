import type { ErrorCode } from "@fluxo/core/errors/codes";
import { NodeError, type ErrorClass } from "@fluxo/core/errors/node-error";

/** Longest result of a job, as JSON text: no node may output more. */
const RESULT_LENGTH_MAX = 6 * 1024 * 1024;

/** What a thread tells: that it is ready for jobs, or how its job ended. The result is JSON text, which is cheaper to hand over than the value. */
export type ThreadMessage =
  | { readonly kind: "ready" }
  | { readonly kind: "done"; readonly json: string }
  | { readonly kind: "failed"; readonly message: string; readonly errorClass: ErrorClass; readonly code: ErrorCode };

/** How a job ended, as a message. Never throws. */
export function messageOf(work: () => unknown): ThreadMessage {
  try {
    const json = JSON.stringify(work());
    if (json.length > RESULT_LENGTH_MAX) {
      throw new NodeError("The result is larger than a node may output.", { errorClass: "DATA", code: "OUTPUT_TOO_LARGE" });
    }
    return { kind: "done", json };
  } catch (thrown) {
    const error = jobErrorOf(thrown);
    return { kind: "failed", message: error.message, errorClass: error.errorClass, code: error.code };
  }
}

/** The NodeError that a job's failure stands for: a stack that ran over means data that is nested too deep. */
export function jobErrorOf(thrown: unknown): NodeError {
  if (thrown instanceof NodeError) {
    return thrown;
  }
  if (thrown instanceof RangeError) {
    return new NodeError("The data is nested too deep, or too large, to work on.", { errorClass: "DATA", code: "DATA_TOO_LARGE" });
  }
  return new NodeError("The work on the data failed in a way that is not known.", { errorClass: "INTERNAL", code: "NODE_INTERNAL", cause: thrown });
}

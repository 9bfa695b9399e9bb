import { NodeError } from "@fluxo/core/errors/node-error";

/** Bytes of JSON that one node may output. */
export const OUTPUT_BYTES_MAX = 5 * 1024 * 1024;

/** Bytes of JSON that all nodes of one execution may output together. */
const EXECUTION_BYTES_MAX = 32 * 1024 * 1024;

/** What is wrong with an output of so many bytes in an execution that has so many already; undefined when it fits. */
export function sizeProblem(bytes: number, executionBytes: number): NodeError | undefined {
  if (bytes > OUTPUT_BYTES_MAX) return new NodeError(`The output has ${bytes} bytes; a node may output ${OUTPUT_BYTES_MAX}.`, { errorClass: "DATA", code: "OUTPUT_TOO_LARGE" });
  if (executionBytes + bytes <= EXECUTION_BYTES_MAX) return undefined;
  return new NodeError(`The outputs of one execution may have ${EXECUTION_BYTES_MAX} bytes together.`, { errorClass: "DATA", code: "EXECUTION_TOO_LARGE" });
}

/** Nodes of one execution that are in work at the same time. */
export const PARALLEL_NODES_MAX = 10;

/** Failures in the bodies of loops that the output of an execution tells of; its journal has all of them. */
export const LOOP_FAILURES_MAX = 100;

/** A longer back-off suspends the execution, so that it holds no slot while it waits. Milliseconds. */
export const INLINE_BACKOFF_MS_MAX = 10_000;

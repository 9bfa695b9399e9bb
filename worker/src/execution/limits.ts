/** Bytes of JSON that one node may output. */
export const OUTPUT_BYTES_MAX = 5 * 1024 * 1024;

/** Bytes of JSON that all nodes of one execution may output together. */
export const EXECUTION_BYTES_MAX = 32 * 1024 * 1024;

/** Nodes of one execution that are in work at the same time. */
export const PARALLEL_NODES_MAX = 10;

/** A longer back-off suspends the execution, so that it holds no slot while it waits. Milliseconds. */
export const INLINE_BACKOFF_MS_MAX = 10_000;

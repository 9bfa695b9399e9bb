/** Most bytes of a job's source. */
export const SOURCE_BYTES_MAX = 64 * 1024;

/** Most bytes of JSON that a job may be given. */
export const INPUT_BYTES_MAX = 4 * 1024 * 1024;

/** Most bytes of JSON that a job may be allowed to give. */
export const OUTPUT_BYTES_MAX = 5 * 1024 * 1024;

/** Most levels of objects and arrays of an output. */
export const OUTPUT_DEPTH_MAX = 64;

/** Most lines of `console.log` that are kept of a job, the first ones, and most characters of each. */
export const LOG_LINES_MAX = 100;
export const LOG_LINE_LENGTH_MAX = 1_000;

/** Most characters of an error's message that leave the sandbox. */
export const MESSAGE_LENGTH_MAX = 1_000;

/** Most bytes of everything about an answer but its output. */
export const HEADER_BYTES_MAX = 1024 * 1024;

/** What the engine itself takes beside a job's memory: code, stack, the texts that go in and out. */
export const ENGINE_BYTES = 48 * 1024 * 1024;

/** Most characters of a JSONata expression: it is parsed where workflows are published, so it is shorter than a source may be. */
export const EXPRESSION_LENGTH_MAX = 8 * 1024;

import type { ErrorCode } from "@fluxo/core/errors/codes";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { SandboxJob, SandboxResult } from "@fluxo/core/ports/sandbox";
import { LOG_LINE_LENGTH_MAX, LOG_LINES_MAX, MESSAGE_LENGTH_MAX } from "./limits.ts";
import { checkOutput } from "./output.ts";
import type { JobEnd } from "./process/sandbox-process.ts";
import type { FailureKind } from "./protocol.ts";

const CODES: Readonly<Record<FailureKind, ErrorCode>> = {
  invalid: "CODE_INVALID",
  threw: "CODE_FAILED",
  timeout: "CODE_TIMEOUT",
  memory: "CODE_MEMORY_EXCEEDED",
  "output-size": "OUTPUT_TOO_LARGE",
};

/** Lines of the log that a failure's message ends with: nothing else of a failed attempt is kept. */
const LAST_LINES = 3;
const LAST_LINE_LENGTH_MAX = 200;

/** What a job gave. @throws NodeError as the port says */
export function resultOf(end: JobEnd, { timeoutMs }: Pick<SandboxJob, "timeoutMs">): SandboxResult {
  switch (end.kind) {
    case "killed":
      throw end.why === "timeout" ? timedOut(timeoutMs, []) : failed("memory", "The code needs more memory than it may use.", []);
    case "died":
      throw new NodeError("The process that ran the code ended.", { errorClass: "SERVER", code: "SANDBOX_FAILED", cause: new Error(end.detail) });
    case "answered": {
      const logs = end.answer.logs.slice(0, LOG_LINES_MAX).map((line) => line.slice(0, LOG_LINE_LENGTH_MAX));
      if (end.answer.kind === "failed") throw end.answer.failure === "timeout" ? timedOut(timeoutMs, logs) : failed(end.answer.failure, end.answer.message.slice(0, MESSAGE_LENGTH_MAX), logs);
      const output = checkOutput(end.output);
      if (output.kind === "refused") throw failed("threw", `The result ${output.reason}`, logs);
      return { output: output.value, logs };
    }
    default:
      return end satisfies never;
  }
}

function timedOut(timeoutMs: number, logs: readonly string[]): NodeError {
  return failed("timeout", `The code did not finish within ${timeoutMs} ms.`, logs);
}

function failed(failure: FailureKind, message: string, logs: readonly string[]): NodeError {
  const last = logs.slice(-LAST_LINES).map((line) => line.slice(0, LAST_LINE_LENGTH_MAX));
  const printed = last.length === 0 ? "" : ` It printed last: ${last.join(" | ")}`;
  return new NodeError(`${message}${printed}`, { errorClass: "DATA", code: CODES[failure] });
}

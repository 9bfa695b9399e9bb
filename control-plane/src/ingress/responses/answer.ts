import type { ServerResponse } from "node:http";
import { ERROR_CODES, type ErrorCode, type RequestErrorCode } from "@fluxo/core/errors/codes";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Json, JsonObject } from "@fluxo/core/json";
import { catalog } from "@fluxo/nodes/catalog";
import type { AwaitedExecution, ExecutionResponse } from "@fluxo/prisma/executions/responses";

/** What the caller of a synchronous webhook gets. */
export interface HookAnswer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body; undefined for none. */
  readonly text: string | undefined;
}

/** The execution that the caller waited for did not succeed. */
export class ExecutionEndedError extends RequestError {
  readonly executionId: string;
  /** The execution's own error code. */
  readonly reason: ErrorCode | null;

  constructor(code: RequestErrorCode, detail: string, executionId: string, reason: ErrorCode | null) {
    super(code, { detail });
    this.executionId = executionId;
    this.reason = reason;
  }
}

/**
 * What the response of an execution says to its caller. A failure tells its code and no more: the caller need not be one who may read the record.
 * @throws ExecutionEndedError EXECUTION_FAILED, EXECUTION_CANCELED, OUTPUT_TOO_LARGE, or the code with which enforcement blocked the execution
 */
export function toAnswer({ executionId, mode }: AwaitedExecution, response: ExecutionResponse): HookAnswer {
  switch (response.kind) {
    case "responded":
      return respondedAnswer(response.output);
    case "succeeded":
      if (response.results === undefined) throw new ExecutionEndedError("OUTPUT_TOO_LARGE", "The results are too large for an answer.", executionId, null);
      return jsonAnswer(mode === "lastNode" ? resultOf(response.results) : { executionId });
    case "ended":
      throw endedError(executionId, response.status, response.code);
    default:
      return response satisfies never;
  }
}

/** Sends an answer. The webhooks of all tenants share one origin, so nothing that a workflow answers is sniffed or becomes a page with rights of its own. */
export function sendAnswer(response: ServerResponse, { status, headers, text }: HookAnswer, executionId: string, requestId: string): void {
  const bytes = text === undefined ? undefined : Buffer.from(text);
  response.writeHead(status, {
    "cache-control": "no-store",
    ...headers,
    ...(bytes === undefined ? {} : { "content-length": bytes.length }),
    "content-security-policy": "sandbox",
    "x-content-type-options": "nosniff",
    "fluxo-execution-id": executionId,
    "x-request-id": requestId,
  });
  response.end(bytes);
}

/** Without a content type there is no body. */
function respondedAnswer(output: Json): HookAnswer {
  const { status, headers, body } = catalog.respond.output.parse(output);
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { status, headers, text: headers["content-type"] === undefined ? undefined : text };
}

function jsonAnswer(value: Json): HookAnswer {
  return { status: 200, headers: { "content-type": "application/json" }, text: JSON.stringify(value) };
}

/** The only result, or all of them by name. */
function resultOf(results: JsonObject): Json {
  const [first, ...others] = Object.values(results);
  return first === undefined || others.length > 0 ? results : first;
}

function endedError(executionId: string, status: "FAILED" | "BLOCKED" | "CANCELED", reason: ErrorCode | null): ExecutionEndedError {
  switch (status) {
    case "FAILED":
      return new ExecutionEndedError("EXECUTION_FAILED", `The execution failed${reason === null ? "" : ` with ${reason}`}.`, executionId, reason);
    case "BLOCKED":
      return new ExecutionEndedError(blockCode(reason), "The execution was refused before it started.", executionId, reason);
    case "CANCELED":
      return new ExecutionEndedError("EXECUTION_CANCELED", "The execution was canceled.", executionId, reason);
    default:
      return status satisfies never;
  }
}

function blockCode(reason: ErrorCode | null): RequestErrorCode {
  return reason !== null && isRequestCode(reason) ? reason : "EXECUTION_FAILED";
}

function isRequestCode(code: ErrorCode): code is RequestErrorCode {
  return "http" in ERROR_CODES[code];
}

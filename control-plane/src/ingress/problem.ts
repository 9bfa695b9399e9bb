import type { ServerResponse } from "node:http";
import type { Problem } from "@fluxo/contracts/http/problem";
import { ERROR_CODES } from "@fluxo/core/errors/codes";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Challenge } from "./providers/provider.ts";
import { RateLimitedError } from "../rate-limits/fields.ts";
import { ExecutionEndedError } from "./responses/answer.ts";

/** The method is not one that the hook accepts; the answer's `Allow` names those that are. */
export class HookMethodError extends RequestError {
  /** Value of the `Allow` header. */
  readonly allow: string;

  constructor(allow: string) {
    super("HOOK_METHOD_NOT_ALLOWED");
    this.allow = allow;
  }
}

/** The body was not read to its end, so the connection cannot serve another request. */
export class UnreadBodyError extends RequestError {}

/** Answers with JSON. The request's id is in `X-Request-Id` and nowhere is anything of the request repeated. */
export function sendJson(response: ServerResponse, status: number, requestId: string, body: object, contentType = "application/json; charset=utf-8"): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": contentType, "content-length": Buffer.byteLength(text), "cache-control": "no-store", "x-request-id": requestId });
  response.end(text);
}

/** Answers a provider's question. Its text comes from a stranger, so it is shown as text and has no rights on this host. */
export function sendChallenge(response: ServerResponse, { contentType, body }: Challenge, requestId: string): void {
  const headers = { "content-type": contentType, "content-length": Buffer.byteLength(body), "cache-control": "no-store", "x-request-id": requestId };
  response.writeHead(200, { ...headers, "x-content-type-options": "nosniff", "content-security-policy": "sandbox" });
  response.end(body);
}

/** Answers with problem details (RFC 9457) of the error's stable code. */
export function sendProblem(response: ServerResponse, error: RequestError, requestId: string): void {
  if (error instanceof HookMethodError) response.setHeader("allow", error.allow);
  if (error instanceof UnreadBodyError) response.setHeader("connection", "close");
  if (error instanceof RateLimitedError) for (const [name, value] of Object.entries(error.fields)) response.setHeader(name, value);
  if (error.retryAfterSeconds !== undefined) response.setHeader("retry-after", String(error.retryAfterSeconds));
  const problem = {
    type: `urn:fluxo:error:${error.code}`,
    title: ERROR_CODES[error.code].title,
    status: error.status,
    detail: error.message,
    code: error.code,
    instance: requestId,
    ...(error.issues.length === 0 ? {} : { issues: [...error.issues] }),
  } satisfies Problem;
  const extension = error instanceof ExecutionEndedError ? { executionId: error.executionId, reason: error.reason } : {};
  sendJson(response, error.status, requestId, { ...problem, ...extension }, "application/problem+json; charset=utf-8");
}

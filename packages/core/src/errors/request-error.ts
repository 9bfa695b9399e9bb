import { ERROR_CODES, type RequestErrorCode } from "./codes.ts";

/** One field at fault. `path` is a JSON pointer into the request (RFC 6901). */
export interface FieldIssue {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

export interface RequestErrorOptions {
  readonly detail?: string;
  readonly issues?: readonly FieldIssue[];
  /** Sent as `Retry-After`, in seconds. */
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

/** An expected refusal of a request; the edge renders it as problem details (RFC 9457) with its stable code. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly code: RequestErrorCode;
  readonly status: number;
  readonly issues: readonly FieldIssue[];
  readonly retryAfterSeconds: number | undefined;

  constructor(code: RequestErrorCode, options: RequestErrorOptions = {}) {
    super(options.detail ?? ERROR_CODES[code].title, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = ERROR_CODES[code].http;
    this.issues = options.issues ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

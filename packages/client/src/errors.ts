import { problemSchema, type Problem } from "@fluxo/contracts/http/problem";

/** Fluxo refused the request, or failed: problem details with a stable code. */
export class FluxoError extends Error {
  override readonly name = "FluxoError";
  /** As docs/errors.md lists them. */
  readonly code: string;
  readonly status: number;
  readonly issues: NonNullable<Problem["issues"]>;
  /** Names the request in Fluxo's logs. */
  readonly requestId: string;

  constructor(problem: Problem) {
    super(problem.detail);
    this.code = problem.code;
    this.status = problem.status;
    this.issues = problem.issues ?? [];
    this.requestId = problem.instance;
  }
}

/** There was no answer, or none of Fluxo's: whether the request was done is not known. Repeat it with the same idempotency key. */
export class FluxoUnreachable extends Error {
  override readonly name = "FluxoUnreachable";
  /** The key of the request that may have been done. */
  readonly idempotencyKey: string | undefined;

  constructor(message: string, options: { readonly cause?: unknown; readonly idempotencyKey?: string | undefined } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.idempotencyKey = options.idempotencyKey;
  }
}

/** The error that an answer tells; undefined for an answer that is not Fluxo's, a proxy's for example. */
export function toFluxoError(content: string): FluxoError | undefined {
  try {
    const parsed = problemSchema.loose().safeParse(JSON.parse(content));
    return parsed.success ? new FluxoError(parsed.data) : undefined;
  } catch {
    return undefined;
  }
}

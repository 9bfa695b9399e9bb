import { ERROR_CODES } from "@fluxo/core/errors/codes";
import { RequestError, type FieldIssue } from "@fluxo/core/errors/request-error";
import type { Problem } from "@fluxo/contracts/http/problem";
import { isOffBoardingRefusal } from "@fluxo/prisma/off-boarding/refusal";
import { isStoreUnavailable } from "@fluxo/prisma/repositories/unavailable";
import type { Logger } from "@fluxo/runtime/logger";
import type { ErrorRequestHandler } from "express";
import { RateLimitedError } from "../../rate-limits/fields.ts";
import { sendPage } from "../sign-in/page.ts";
import { isForPerson, isOfPages, refusalPage } from "../sign-in/pages.ts";
import { requestIdOf } from "./request-id.ts";

const RETRY_AFTER_SECONDS = 2;

/** Renders every error as problem details (RFC 9457), or as a page for a person whose browser signs in or out: the only place that does. What is not expected is logged and answered without a word about it. */
export function problemHandler(logger: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    const known = toRequestError(error);
    const requestId = requestIdOf(response);
    if (known.status >= 500) logger.error({ err: error, requestId, method: request.method }, "request failed");
    if (response.headersSent) {
      next(error);
      return;
    }
    if (known.code === "UNAUTHENTICATED") response.set("WWW-Authenticate", 'Bearer realm="fluxo"');
    if (known instanceof RateLimitedError) response.set(known.fields);
    if (known.retryAfterSeconds !== undefined) response.set("Retry-After", String(known.retryAfterSeconds));
    if (isOfPages(request.path)) response.vary("Accept");
    if (isForPerson(request)) {
      sendPage(response, known.status, refusalPage(known, requestId));
      return;
    }
    response.status(known.status).set("Cache-Control", "no-store").type("application/problem+json").send(JSON.stringify(toProblem(known, requestId)));
  };
}

/** The problem details of an error. */
export function toProblem(error: RequestError, requestId: string): Problem {
  const { code, status, message, issues } = error;
  return {
    type: `urn:fluxo:error:${code}`,
    title: ERROR_CODES[code].title,
    status,
    detail: message,
    code,
    instance: requestId,
    ...(issues.length === 0 ? {} : { issues: issues.map(toIssue) }),
  };
}

/** The issues of a graph name the node at fault as well. */
function toIssue(issue: FieldIssue & { readonly nodeId?: string }): NonNullable<Problem["issues"]>[number] {
  const { path, code, message, nodeId } = issue;
  return { path, code, message, ...(nodeId === undefined ? {} : { nodeId }) };
}

function toRequestError(error: unknown): RequestError {
  if (error instanceof RequestError) return error;
  // Express cannot decode a path such as /%zz.
  if (error instanceof URIError) return new RequestError("NOT_FOUND", { detail: "The path cannot be decoded.", cause: error });
  if (isOffBoardingRefusal(error)) return new RequestError("TENANT_OFFBOARDING", { cause: error });
  if (isStoreUnavailable(error)) return new RequestError("UNAVAILABLE", { retryAfterSeconds: RETRY_AFTER_SECONDS, cause: error });
  return new RequestError("INTERNAL", { cause: error });
}

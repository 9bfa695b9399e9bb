import { S3ServiceException } from "@aws-sdk/client-s3";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { Clock } from "@fluxo/core/ports/clock";
import { nodeErrorIn, statusError } from "../http/provider-error.ts";
import type { GuardedRequestHandler } from "./request-handler.ts";

/**
 * What a request to a store failed of, as a NodeError where that can be told: the guarded client's own failure, or the store's refusal by its status, with its code and message,
 * never the whole body, which may repeat what was signed.
 */
export function s3Failure(error: unknown, { last }: GuardedRequestHandler, clock: Clock): unknown {
  const own = nodeErrorIn(error);
  if (own !== undefined || last === undefined) return own ?? error;
  return error instanceof S3ServiceException
    ? statusError(last, ` (${error.name})${error.message === "" ? "." : `: ${error.message}`}`, clock)
    : new NodeError("The store's answer cannot be read.", { errorClass: "SERVER", code: "PROVIDER_FAILED", cause: error });
}

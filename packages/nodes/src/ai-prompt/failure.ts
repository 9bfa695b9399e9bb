import { NodeError } from "@fluxo/core/errors/node-error";
import type { NodeUsage } from "@fluxo/core/node/usage";
import type { Clock } from "@fluxo/core/ports/clock";
import { APICallError, InvalidResponseDataError, JSONParseError, NoObjectGeneratedError, TypeValidationError } from "ai";
import { nodeErrorIn, providerError } from "../http/provider-error.ts";

/** What an answer of so many tokens used; undefined when the provider did not tell. */
export type UsageFor = (tokens: { readonly inputTokens?: number | undefined; readonly outputTokens?: number | undefined }) => NodeUsage | undefined;

/** What the library throws, as the failure that it stands for; an error that it has no name for stays as it is. */
export function aiFailure(error: unknown, clock: Clock, usageFor: UsageFor): unknown {
  const ours = nodeErrorIn(error);
  if (ours !== undefined) {
    return ours;
  }
  if (NoObjectGeneratedError.isInstance(error)) {
    return unusable(error.finishReason ?? "other", "it is not JSON", usageFor(error.usage ?? {}));
  }
  if (APICallError.isInstance(error) && error.statusCode !== undefined && error.statusCode >= 400) {
    const headers = { "content-type": "text/plain", ...error.responseHeaders };
    return providerError({ status: error.statusCode, headers, body: Buffer.from(error.responseBody ?? "", "utf8"), url: error.url }, clock);
  }
  if (APICallError.isInstance(error) || InvalidResponseDataError.isInstance(error) || JSONParseError.isInstance(error) || TypeValidationError.isInstance(error)) {
    return new NodeError("The provider's answer cannot be read.", { errorClass: "SERVER", code: "PROVIDER_FAILED", cause: error });
  }
  return error;
}

/** The failure of an answer that cannot be the node's output, by the reason for which the model stopped. What it used is charged all the same. */
export function unusable(finishReason: string, problem: string, usage?: NodeUsage): NodeError {
  const rejected = (message: string): NodeError => new NodeError(message, { errorClass: "DATA", code: "PROVIDER_REJECTED", ...(usage === undefined ? {} : { usage }) });
  if (finishReason === "content-filter") {
    return rejected("The model refused to answer, or a filter of the provider held the answer back.");
  }
  if (finishReason === "length") {
    return rejected("The answer was cut at maxOutputTokens, so it is no whole object.");
  }
  return rejected(`The model's answer does not fit the schema: ${problem}.`);
}

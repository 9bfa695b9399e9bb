import { NodeError } from "@fluxo/core/errors/node-error";
import type { NodeContext, NodeExecutor } from "@fluxo/core/node/executor";
import type { HttpResponse } from "@fluxo/core/ports/http";
import { providerError } from "../http/provider-error.ts";
import type { HttpRequestParams } from "./definition.ts";
import { requestOf } from "./request.ts";
import { outputOf } from "./response.ts";

/** Statuses of gateways that may have handed the request on before they gave up. */
const UNCERTAIN_STATUSES: ReadonlySet<number> = new Set([502, 504]);

/**
 * Sends the request and reads the answer.
 * @throws NodeError by the answer's status (see `providerError`), what the port throws, SIDE_EFFECT_UNCERTAIN, PROVIDER_FAILED for unreadable JSON
 */
export const executeHttpRequest: NodeExecutor<HttpRequestParams> = async (params, context) => {
  context.signal.throwIfAborted();
  const response = await send(params, context);
  if (params.failOnStatus && response.status >= 400) {
    const error = providerError(response, context.clock);
    throw params.onUncertain === "fail" && UNCERTAIN_STATUSES.has(response.status) ? uncertain(error) : error;
  }
  return { kind: "done", output: outputOf(response, params.responseFormat) };
};

async function send(params: HttpRequestParams, context: NodeContext): Promise<HttpResponse> {
  try {
    return await context.http.send(requestOf(params, context));
  } catch (error) {
    const mayHaveArrived = error instanceof NodeError && (error.errorClass === "CONNECTION" || error.errorClass === "TIMEOUT");
    throw params.onUncertain === "fail" && mayHaveArrived ? uncertain(error) : error;
  }
}

/** The class REFUSED keeps the engine from repeating the attempt. */
function uncertain(cause: NodeError): NodeError {
  const message = `Nobody knows whether the request was carried out, and it must not be repeated: ${cause.message}`;
  return new NodeError(message, { errorClass: "REFUSED", code: "SIDE_EFFECT_UNCERTAIN", cause });
}

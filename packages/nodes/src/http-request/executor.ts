import { NodeError } from "@fluxo/core/errors/node-error";
import type { NodeExecutor } from "@fluxo/core/node/executor";
import type { HttpResponse } from "@fluxo/core/ports/http";
import { providerError } from "../http/provider-error.ts";
import { authenticate } from "./authentication.ts";
import { bodyOf } from "./body.ts";
import { readPages } from "./pages.ts";
import { responseBytesMax, type HttpRequestParams } from "./params.ts";
import { requestTo, urlOf, type RequestParts } from "./request.ts";
import { outputOf } from "./response.ts";

/** Statuses of gateways that may have handed the request on before they gave up. */
const UNCERTAIN_STATUSES: ReadonlySet<number> = new Set([502, 504]);

/**
 * Sends the request and reads the answer, page by page where it has pages.
 * @throws NodeError by the answer's status (see `providerError`), what the ports throw, SIDE_EFFECT_UNCERTAIN, PROVIDER_FAILED for unreadable JSON or pages
 */
export const executeHttpRequest: NodeExecutor<HttpRequestParams> = async (params, context) => {
  context.signal.throwIfAborted();
  const authentication = await authenticate(params, context);
  const parts: RequestParts = { params, authentication, body: await bodyOf(params, context.files, context.idempotencyKey), context };
  const send = (url: URL, maxResponseBytes: number): Promise<HttpResponse> => exchange(url, parts, maxResponseBytes);
  if (params.pagination.kind !== "none") {
    return { kind: "done", output: await readPages(urlOf(params), params, send) };
  }
  const response = await send(urlOf(params), responseBytesMax(params));
  return { kind: "done", output: await outputOf(response, params, context.files) };
};

/** One request and its answer, whose status is one that was asked for. */
async function exchange(url: URL, parts: RequestParts, maxResponseBytes: number): Promise<HttpResponse> {
  const { params, context } = parts;
  const response = withoutSecret(await send(url, parts, maxResponseBytes), parts);
  if (isExpected(response.status, params)) {
    return response;
  }
  const error = providerError(response, context.clock);
  throw params.onUncertain === "fail" && UNCERTAIN_STATUSES.has(response.status) ? uncertain(error) : error;
}

async function send(url: URL, parts: RequestParts, maxResponseBytes: number): Promise<HttpResponse> {
  try {
    return await parts.context.http.send(requestTo(url, parts, maxResponseBytes));
  } catch (error) {
    const mayHaveArrived = error instanceof NodeError && (error.errorClass === "CONNECTION" || error.errorClass === "TIMEOUT");
    throw parts.params.onUncertain === "fail" && mayHaveArrived ? uncertain(error) : error;
  }
}

function isExpected(status: number, { failOnStatus, expectedStatuses }: HttpRequestParams): boolean {
  if (expectedStatuses !== undefined) {
    return expectedStatuses.some((expected) => expected === status || expected === `${Math.floor(status / 100)}xx`);
  }
  return !failOnStatus || status < 400;
}

/** The answer without the key that the URL carried. */
function withoutSecret(response: HttpResponse, { authentication }: RequestParts): HttpResponse {
  if (authentication.query === undefined) {
    return response;
  }
  const url = new URL(response.url);
  url.searchParams.delete(authentication.query.name);
  return { ...response, url: url.href };
}

/** The class REFUSED keeps the engine from repeating the attempt. */
function uncertain(cause: NodeError): NodeError {
  const message = `Nobody knows whether the request was carried out, and it must not be repeated: ${cause.message}`;
  return new NodeError(message, { errorClass: "REFUSED", code: "SIDE_EFFECT_UNCERTAIN", cause });
}

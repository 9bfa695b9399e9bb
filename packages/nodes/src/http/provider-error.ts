import { NodeError, type NodeErrorOptions } from "@fluxo/core/errors/node-error";
import type { Clock } from "@fluxo/core/ports/clock";
import type { HttpResponse } from "@fluxo/core/ports/http";
import { decodeText, isTextual, mediaTypeOf } from "./content.ts";
import { parseRetryAfter } from "./retry-after.ts";

/** Bytes of an answer's body that a message may quote. */
const MAX_QUOTED_BYTES = 600;

/**
 * The failure that an answer of 400 or above stands for. Its message holds the host, the status and the start of a textual body;
 * never the path or query, where some providers expect secrets.
 */
export function providerError(response: HttpResponse, clock: Clock): NodeError {
  const quoted = quotedBody(response);
  return statusError(response, quoted === "" ? "." : `: ${quoted}`, clock);
}

/** The same for an answer that a library has read: `said` follows the host and the status. */
export function statusError(response: Pick<HttpResponse, "status" | "headers" | "url">, said: string, clock: Clock): NodeError {
  return new NodeError(`${hostOf(response.url)} answered ${response.status}${said}`, optionsFor(response, clock));
}

/** The failure of our own client that a library may have wrapped; undefined when there is none. */
export function nodeErrorIn(error: unknown): NodeError | undefined {
  const seen = new Set<unknown>();
  for (let next = error; next instanceof Error && !seen.has(next); next = next.cause) {
    if (next instanceof NodeError) {
      return next;
    }
    seen.add(next);
  }
  return undefined;
}

function optionsFor({ status, headers }: Pick<HttpResponse, "status" | "headers">, clock: Clock): NodeErrorOptions {
  const retryAfterMs = parseRetryAfter(headers["retry-after"], clock);
  if (status === 429 || (status === 503 && retryAfterMs !== undefined)) {
    return { errorClass: "RATE_LIMIT", code: "PROVIDER_RATE_LIMITED", ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
  if (status >= 500) {
    return { errorClass: "SERVER", code: "PROVIDER_FAILED" };
  }
  if (status === 408) {
    return { errorClass: "TIMEOUT", code: "NODE_TIMEOUT" };
  }
  if (status === 401 || status === 403) {
    return { errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED" };
  }
  return { errorClass: "DATA", code: "PROVIDER_REJECTED" };
}

function quotedBody({ headers, body }: HttpResponse): string {
  const mediaType = mediaTypeOf(headers["content-type"]);
  if (!isTextual(mediaType)) {
    return "";
  }
  const text = decodeText(body.subarray(0, MAX_QUOTED_BYTES), mediaType.charset).replace(/\uFFFD{1,3}$/, "").trim();
  return body.byteLength > MAX_QUOTED_BYTES ? `${text}…` : text;
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : "The provider";
}

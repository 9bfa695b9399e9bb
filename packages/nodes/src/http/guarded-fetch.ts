import { NodeError } from "@fluxo/core/errors/node-error";
import type { HttpPort } from "@fluxo/core/ports/http";

export interface GuardedFetchLimits {
  /** For one call, redirects included. */
  readonly timeoutMs: number;
  /** Largest body of an answer; RESPONSE_TOO_LARGE beyond. */
  readonly maxResponseBytes: number;
  /** Ends every call; a call's own signal ends that call. */
  readonly signal?: AbortSignal;
}

/** Headers that the client sets for the connection. Libraries set them too; what they say follows from the URL and the body. */
const FRAMING_HEADERS: ReadonlySet<string> = new Set(["host", "content-length", "connection", "transfer-encoding", "keep-alive", "expect", "te", "trailer"]);

/** Statuses whose answer has no body (Fetch, section 2.2.3). */
const NULL_BODY_STATUSES: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * `fetch` for libraries that bring their own idea of a request (SDKs of AI providers, of S3 and the like): every call goes through the guarded client.
 * Bodies are whole on both sides, nothing streams. An answer of any status resolves, as with `fetch`.
 * The calls reject with the client's NodeError (ADDRESS_REFUSED, CONNECTION_FAILED, NODE_TIMEOUT, RESPONSE_TOO_LARGE, PARAMS_INVALID), which a library may
 * have wrapped as `cause`; with the signal's reason; with ADDRESS_REFUSED when a redirect was followed though the request forbids it.
 */
export function guardedFetch(http: HttpPort, limits: GuardedFetchLimits): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const body = request.body === null ? undefined : new Uint8Array(await request.arrayBuffer());
    const url = new URL(request.url);
    const headers = headersOf(request.headers, url);
    url.hash = "";
    const response = await http.send({
      method: request.method,
      url: url.href,
      headers,
      ...(body === undefined ? {} : { body }),
      timeoutMs: limits.timeoutMs,
      maxResponseBytes: limits.maxResponseBytes,
      signal: limits.signal === undefined ? request.signal : AbortSignal.any([limits.signal, request.signal]),
    });
    const isRedirected = response.url !== url.href;
    if (isRedirected && request.redirect !== "follow") {
      throw new NodeError(`${url.host} redirects, which this request does not allow.`, { errorClass: "REFUSED", code: "ADDRESS_REFUSED" });
    }
    const content = NULL_BODY_STATUSES.has(response.status) || response.status < 200 ? null : Buffer.from(response.body);
    const answer = new Response(content, { status: response.status, headers: { ...response.headers } });
    return Object.defineProperties(answer, { url: { value: response.url }, redirected: { value: isRedirected } });
  };
}

/** @throws NodeError ADDRESS_REFUSED for a Host header that names another host than the URL */
function headersOf(headers: Headers, url: URL): Record<string, string> {
  const host = headers.get("host");
  if (host !== null && host.toLowerCase() !== url.host) {
    throw new NodeError("The Host header must be the URL's own host.", { errorClass: "REFUSED", code: "ADDRESS_REFUSED" });
  }
  return Object.fromEntries([...headers].filter(([name]) => !FRAMING_HEADERS.has(name)));
}

/** Redirects that are followed for one request. */
export const MAX_REDIRECTS = 5;

const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Headers that go along to another origin. A list of what may pass, because tenants put credentials under any name
 * (Authorization, Cookie, Idempotency-Key, X-Api-Key, …).
 */
const CROSS_ORIGIN_HEADERS: ReadonlySet<string> = new Set(["accept", "accept-encoding", "accept-language", "content-type", "user-agent"]);

const BODY_HEADERS: ReadonlySet<string> = new Set(["content-type", "content-encoding", "content-language", "content-location"]);

/** One hop of a request. Header names are in lower case. */
export interface Hop {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
}

/** Whether an answer asks to go elsewhere. Without a Location it is an answer like any other. */
export function isRedirect(status: number, location: string | undefined): location is string {
  return REDIRECT_STATUSES.has(status) && location !== undefined;
}

/**
 * The request that follows a redirect (RFC 9110 section 15.4, and the method changes that all clients make): 303 turns everything but GET and HEAD
 * into GET, 301 and 302 turn POST into GET, 307 and 308 repeat the request. Another origin gets no credentials.
 */
export function nextHop(hop: Hop, status: number, url: URL): Hop {
  const isGet = hop.method === "GET" || hop.method === "HEAD";
  const losesBody = (status === 303 && !isGet) || ((status === 301 || status === 302) && hop.method === "POST");
  const isCrossOrigin = url.origin !== hop.url.origin;
  const headers = Object.fromEntries(
    Object.entries(hop.headers).filter(([name]) => !(isCrossOrigin && !CROSS_ORIGIN_HEADERS.has(name)) && !(losesBody && BODY_HEADERS.has(name))),
  );
  return { url, method: losesBody ? "GET" : hop.method, headers, body: losesBody ? undefined : hop.body };
}

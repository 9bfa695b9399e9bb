import { createHash } from "node:crypto";
import type { Clock } from "@fluxo/core/ports/clock";
import type { HttpPort } from "@fluxo/core/ports/http";
import { statusError } from "@fluxo/nodes/http/provider-error";
import type { DocumentMark } from "./cursor.ts";

/** A feed's document, or that it is the one that is known. */
export interface FeedAnswer {
  readonly mark: DocumentMark;
  /** The address that answered. */
  readonly url: string;
  /** How long the server asks not to be asked again; 0 when it does not. */
  readonly waitMs: number;
  /** Undefined: the document of `mark` is the known one. */
  readonly document: { readonly body: Uint8Array; readonly contentType: string | undefined } | undefined;
}

export interface FetchOptions {
  readonly http: HttpPort;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

/** Largest document, unpacked. */
export const FEED_BYTES_MAX = 5 * 1_048_576;
const WAIT_MS_MAX = 3_600_000;
const ACCEPT = "application/atom+xml, application/rss+xml, application/rdf+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1";

/**
 * Fetches a feed, unless it is still the known document.
 * @throws NodeError of the guarded client; of the status (PROVIDER_RATE_LIMITED with `retryAfterMs`, PROVIDER_FAILED, PROVIDER_REJECTED, …)
 */
export async function fetchFeed({ http, clock, timeoutMs }: FetchOptions, url: string, known: DocumentMark | undefined, signal: AbortSignal): Promise<FeedAnswer> {
  const response = await http.send({
    method: "GET",
    url,
    headers: {
      accept: ACCEPT,
      ...(typeof known?.etag === "string" ? { "if-none-match": known.etag } : {}),
      ...(typeof known?.lastModified === "string" ? { "if-modified-since": known.lastModified } : {}),
    },
    timeoutMs,
    maxResponseBytes: FEED_BYTES_MAX,
    signal,
  });
  const { status, headers, body } = response;
  const waitMs = maxAgeMs(headers["cache-control"]);
  if (status === 304 && known !== undefined) return { mark: known, url: response.url, waitMs, document: undefined };
  if (status === 410) throw statusError(response, ": the feed is gone for good.", clock);
  if (status !== 200) throw statusError(response, ", not with a feed.", clock);
  const mark = { etag: headers["etag"] ?? null, lastModified: headers["last-modified"] ?? null, contentHash: createHash("sha256").update(body).digest("base64url") };
  return { mark, url: response.url, waitMs, document: { body, contentType: headers["content-type"] } };
}

function maxAgeMs(cacheControl: string | undefined): number {
  const seconds = Number(/(?:^|[\s,])max-age=(\d{1,9})/i.exec(cacheControl ?? "")?.[1] ?? 0);
  return Math.min(seconds * 1_000, WAIT_MS_MAX);
}

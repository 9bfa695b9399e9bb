/** One outbound request of a node. */
export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  /** Redirects that are followed, 5 at most and by default; 0 for a body that nobody else may see. */
  readonly maxRedirects?: number;
  readonly signal?: AbortSignal;
  /** Asked when the connection is there and nothing was sent yet: false calls the request off. A process that was paused meanwhile may not act any more. */
  readonly mayBegin?: () => boolean;
  /** Told the bytes that were written to a connection, before encryption, when it is over; once per redirect, and also of a request that fails. */
  readonly onSent?: (bytes: number) => void;
}

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names; a repeated header is joined with ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** The URL that answered, after redirects. */
  readonly url: string;
}

/**
 * The only way out to a host that a tenant chose. Any HTTP status is an answer, not an error.
 * @throws NodeError ADDRESS_REFUSED, CONNECTION_FAILED, NODE_TIMEOUT or RESPONSE_TOO_LARGE.
 */
export interface HttpPort {
  send(request: HttpRequest): Promise<HttpResponse>;
}

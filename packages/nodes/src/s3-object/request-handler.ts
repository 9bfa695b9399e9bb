import type { HttpPort, HttpResponse } from "@fluxo/core/ports/http";
import { Readable } from "node:stream";

/** What the SDK hands over: the parts of a request that is already signed. */
interface SdkRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

interface SdkResponse {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: Readable;
}

/** For one operation. */
export interface RequestLimits {
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  readonly signal: AbortSignal;
}

/** Headers that the client sets by itself from the URL and the body; the signature covers the same values. */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set(["host", "content-length", "connection", "expect", "transfer-encoding"]);

/** The SDK's way to the network: the guarded client and nothing else. Redirects are not followed, because a signature is for one host. */
export class GuardedRequestHandler {
  /** The last answer, for what the SDK does not tell about a failure. */
  last: HttpResponse | undefined;
  readonly #http: HttpPort;
  readonly #limits: RequestLimits;

  constructor(http: HttpPort, limits: RequestLimits) {
    this.#http = http;
    this.#limits = limits;
  }

  async handle(request: SdkRequest): Promise<{ response: SdkResponse }> {
    const body = bytesOf(request.body);
    const response = await this.#http.send({
      ...this.#limits,
      method: request.method,
      url: urlOf(request),
      headers: Object.fromEntries(Object.entries(request.headers).filter(([name]) => !CONNECTION_HEADERS.has(name.toLowerCase()))),
      ...(body === undefined ? {} : { body }),
      maxRedirects: 0,
    });
    this.last = response;
    const content = response.body.byteLength === 0 ? [] : [Buffer.from(response.body)];
    return { response: { statusCode: response.status, headers: { ...response.headers }, body: Readable.from(content, { objectMode: false }) } };
  }

  updateHttpClientConfig(): void {
    // There is nothing that the SDK could configure.
  }

  httpHandlerConfigs(): Record<string, never> {
    return {};
  }
}

function urlOf({ protocol, hostname, port, path, query }: SdkRequest): string {
  const pairs = Object.entries(query ?? {}).flatMap(([name, value]) => [value].flat().map((item) => (item === null ? escaped(name) : `${escaped(name)}=${escaped(item)}`)));
  return `${protocol}//${hostname}${port === undefined ? "" : `:${port}`}${path}${pairs.length === 0 ? "" : `?${pairs.join("&")}`}`;
}

/** As the signature has it: only unreserved characters stay (RFC 3986, section 2.3). */
function escaped(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

function bytesOf(body: unknown): string | Uint8Array | undefined {
  if (body === undefined || body === null || typeof body === "string" || body instanceof Uint8Array) {
    return body ?? undefined;
  }
  throw new TypeError("The SDK made a body that is neither text nor bytes.");
}

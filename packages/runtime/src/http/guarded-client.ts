import type { Socket } from "node:net";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { HttpPort, HttpRequest, HttpResponse } from "@fluxo/core/ports/http";
import { type buildConnector, Client, errors } from "undici";
import { isHttpPortAllowed, parseAllowedHosts } from "../dial/address-rules.ts";
import { connectionFailure, systemCodeOf, timedOut } from "../dial/failures.ts";
import { connectVetted, type OpenSocket, openTcp } from "../dial/open-socket.ts";
import { refused, resolveGuarded, type Resolver, type VettedTarget } from "../dial/resolve-guarded.ts";
import { ACCEPTED_ENCODINGS, decodersFor, readBody, tooLarge } from "./read-body.ts";
import { type Hop, isRedirect, MAX_REDIRECTS, nextHop } from "./redirect.ts";

export interface GuardedClientOptions {
  /** `host:port` literals that are open although they are private (FLUXO_ALLOWED_PRIVATE_HOSTS). */
  readonly allowedPrivateHosts?: readonly string[];
  /** For one TCP and TLS connection; the time-out of the request covers everything. */
  readonly connectTimeoutMs?: number;
  readonly userAgent?: string;
  /** Certificate authorities instead of the built-in ones, as PEM. */
  readonly ca?: string;
  readonly resolver?: Resolver;
  readonly openSocket?: OpenSocket;
}

type Settings = Required<Pick<GuardedClientOptions, "connectTimeoutMs" | "userAgent" | "openSocket">> &
  Pick<GuardedClientOptions, "resolver" | "ca"> & { readonly allowedHosts: ReadonlySet<string> };

const CONNECT_TIMEOUT_MS = 10_000;
const MAX_TIMER_MS = 2_147_483_647;
const MAX_RESPONSE_HEADER_BYTES = 32_768;
const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Headers that frame the message or steer the connection: the client sets them, a caller who did could smuggle a second request. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  "host", "connection", "content-length", "transfer-encoding", "upgrade", "keep-alive", "te", "trailer", "expect", "proxy-connection", "proxy-authorization", "http2-settings",
]);

/**
 * The HTTP client for hosts that a tenant chose. Every hop: URL parsed once, http and https only, no userinfo, port rule, all addresses of the
 * name public, connection to exactly these addresses with SNI and Host of the name. One connection per hop, never reused, so that no socket
 * outlives the check that opened it.
 *
 * Throws NodeError: REFUSED/ADDRESS_REFUSED (a rule), TIMEOUT/NODE_TIMEOUT (connect or total), CONNECTION/CONNECTION_FAILED (DNS, TCP, TLS, broken answer),
 * DATA/RESPONSE_TOO_LARGE, DATA/PARAMS_INVALID (URL, method or header), DATA/PROVIDER_REJECTED (endless or unreadable redirects);
 * or the reason of the caller's signal.
 */
export function createGuardedClient(options: GuardedClientOptions = {}): HttpPort {
  const settings: Settings = {
    connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    userAgent: options.userAgent ?? "Fluxo",
    openSocket: options.openSocket ?? openTcp,
    allowedHosts: parseAllowedHosts(options.allowedPrivateHosts ?? []),
    ...(options.resolver === undefined ? {} : { resolver: options.resolver }),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  };
  return { send: (request) => send(request, settings) };
}

async function send(request: HttpRequest, settings: Settings): Promise<HttpResponse> {
  request.signal?.throwIfAborted();
  let hop = firstHop(request, settings);
  const redirectsMax = Math.min(request.maxRedirects ?? MAX_REDIRECTS, MAX_REDIRECTS);
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), Math.min(request.timeoutMs, MAX_TIMER_MS));
  const signal = request.signal === undefined ? timeout.signal : AbortSignal.any([timeout.signal, request.signal]);
  try {
    for (let redirects = 0; ; redirects += 1) {
      const answer = await exchange(hop, request, settings, signal);
      if (answer.kind === "response") return answer.response;
      if (redirects === redirectsMax) throw rejected(redirectsMax === 0 ? `${hop.url.host} redirects, which is not followed here.` : `${hop.url.host} redirects more than ${redirectsMax} times.`);
      hop = nextHop(hop, answer.status, redirectTarget(answer.location, hop.url));
    }
  } catch (error) {
    if (request.signal?.aborted === true) throw request.signal.reason;
    if (timeout.signal.aborted) throw timedOut(`${hop.url.host} did not answer within ${request.timeoutMs} ms.`, undefined);
    throw translate(error, hop.url.host);
  } finally {
    clearTimeout(timer);
  }
}

function firstHop(request: HttpRequest, settings: Settings): Hop {
  const url = URL.parse(request.url);
  if (url === null) throw invalid("The URL cannot be read.");
  checkUrl(url);
  const method = request.method.toUpperCase();
  if (!METHODS.has(method)) throw invalid("The method must be one of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS.");
  const given = Object.entries(request.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
  for (const [name] of given) {
    if (OWN_HEADERS.has(name)) throw invalid(`The header ${name} cannot be set; it is set for the connection.`);
  }
  const headers = { "user-agent": settings.userAgent, accept: "*/*", "accept-encoding": ACCEPTED_ENCODINGS, ...Object.fromEntries(given) };
  return { url, method, headers, body: request.body };
}

function checkUrl(url: URL): void {
  if (url.protocol !== "http:" && url.protocol !== "https:") throw refused("Only http and https URLs are called.");
  if (url.username !== "" || url.password !== "") throw refused("A URL must not carry a user name or a password.");
}

function redirectTarget(location: string, from: URL): URL {
  const url = URL.parse(location, from.href);
  if (url === null) throw rejected(`${from.host} redirects to something that is no URL.`);
  checkUrl(url);
  if (from.protocol === "https:" && url.protocol === "http:") throw refused("A redirect from https to http is not followed.");
  return url;
}

type Answer =
  | { readonly kind: "response"; readonly response: HttpResponse }
  | { readonly kind: "redirect"; readonly status: number; readonly location: string };

async function exchange(hop: Hop, request: HttpRequest, settings: Settings, signal: AbortSignal): Promise<Answer> {
  const { allowedHosts, resolver } = settings;
  const port = hop.url.port === "" ? (hop.url.protocol === "https:" ? 443 : 80) : Number(hop.url.port);
  const target = await resolveGuarded(hop.url.hostname, port, {
    allowedHosts, isPortAllowed: isHttpPortAllowed, signal, ...(resolver === undefined ? {} : { resolver }),
  });
  // Ends the socket with the exchange, and when the signal aborts; undici itself heeds a signal only once it is connected.
  const ended = new AbortController();
  let opened: Socket | undefined;
  const client = new Client(hop.url.origin, {
    connect: connectorTo(target, hop.url.protocol === "https:", settings, AbortSignal.any([signal, ended.signal]), request.mayBegin, (socket) => (opened = socket)),
    pipelining: 0,
    maxHeaderSize: MAX_RESPONSE_HEADER_BYTES,
    // The signal bounds the whole exchange.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  try {
    return await requestOnce(client, hop, request.maxResponseBytes, signal);
  } finally {
    if (opened !== undefined) request.onSent?.(opened.bytesWritten);
    void client.destroy().catch(() => undefined);
    ended.abort();
  }
}

async function requestOnce(client: Client, hop: Hop, maxResponseBytes: number, signal: AbortSignal): Promise<Answer> {
  const { statusCode, headers: rawHeaders, body } = await client.request({
    path: `${hop.url.pathname}${hop.url.search}`,
    method: hop.method,
    headers: { ...hop.headers },
    body: hop.body ?? null,
    signal,
  });
  body.on("error", () => undefined);
  const headers = joinHeaders(rawHeaders);
  const location = headers["location"];
  if (isRedirect(statusCode, location)) return { kind: "redirect", status: statusCode, location };
  const isBodyless = hop.method === "HEAD" || statusCode === 204 || statusCode === 304;
  const decoders = isBodyless ? [] : decodersFor(headers["content-encoding"]);
  if (decoders?.length === 0 && !isBodyless && Number(headers["content-length"] ?? 0) > maxResponseBytes) throw tooLarge(maxResponseBytes);
  const content = await readBody(body, decoders ?? [], maxResponseBytes);
  const isDecoded = decoders !== undefined && decoders.length > 0;
  return {
    kind: "response",
    response: { status: statusCode, headers: isDecoded ? withoutPacking(headers) : headers, body: content, url: hop.url.href },
  };
}

/** The decoded body has neither this encoding nor this length any more. */
function withoutPacking(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== "content-encoding" && name !== "content-length"));
}

function joinHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => {
      if (value === undefined || name === "__proto__") return [];
      return [[name.toLowerCase(), typeof value === "string" ? value : value.join(", ")]];
    }),
  );
}

/** A connector that ignores what it is asked for and connects to the vetted target, for HTTP/1.1. */
function connectorTo(target: VettedTarget, isTls: boolean, { openSocket, connectTimeoutMs, ca }: Settings, signal: AbortSignal, mayBegin: HttpRequest["mayBegin"], onOpen: (socket: Socket) => void): buildConnector.connector {
  const tls = isTls ? { protocols: ["http/1.1"], ...(ca === undefined ? {} : { ca }) } : undefined;
  return (_options, callback) => void handOver(connectVetted(target, { openSocket, tls, connectTimeoutMs, signal }), mayBegin, onOpen, callback);
}

async function handOver(connecting: Promise<Socket>, mayBegin: HttpRequest["mayBegin"], onOpen: (socket: Socket) => void, callback: buildConnector.Callback): Promise<void> {
  const outcome = await connecting.catch((error: unknown) => (error instanceof Error ? error : new Error("The connection was given up.", { cause: error })));
  if (outcome instanceof Error) {
    callback(outcome, null);
  } else if (mayBegin?.() === false) {
    outcome.destroy();
    callback(new Error("The request was called off before it was sent."), null);
  } else {
    onOpen(outcome);
    callback(null, outcome);
  }
}

const TIMEOUT_CODES: ReadonlySet<string> = new Set(["UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"]);

function translate(error: unknown, host: string): unknown {
  if (error instanceof NodeError) return error;
  const code = systemCodeOf(error);
  if (code === undefined && !(error instanceof errors.HTTPParserError) && !(error instanceof AggregateError)) return error;
  if (code === "UND_ERR_INVALID_ARG" || code === "UND_ERR_NOT_SUPPORTED") return invalid("A header holds characters that are not allowed in headers.", error);
  if (code === "UND_ERR_HEADERS_OVERFLOW") return new NodeError(`The headers of ${host} are too large.`, { errorClass: "DATA", code: "RESPONSE_TOO_LARGE", cause: error });
  if (code !== undefined && TIMEOUT_CODES.has(code)) return timedOut(`${host} did not answer in time.`, error);
  return connectionFailure(error, host);
}

function invalid(message: string, cause?: unknown): NodeError {
  return new NodeError(message, { errorClass: "DATA", code: "PARAMS_INVALID", cause });
}

function rejected(message: string): NodeError {
  return new NodeError(message, { errorClass: "DATA", code: "PROVIDER_REJECTED" });
}

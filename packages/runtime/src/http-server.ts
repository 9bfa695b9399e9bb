import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Limits that keep one slow or idle caller from holding a connection for ever. All in milliseconds. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;
/** Longer than the 60 s after which usual load balancers drop an idle connection, so that we never close one that they just chose. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
const CHECKING_INTERVAL_MS = 1_000;
const MAX_HEADERS_COUNT = 200;
const IDLE_SWEEP_MS = 50;

export interface ListenOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly headersTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
}

export interface CloseReport {
  /** Requests that were cut off because the deadline passed. */
  readonly abortedRequests: number;
}

export interface RunningServer {
  readonly port: number;
  /** Takes no new connection, lets running requests finish, and cuts off what is left after `deadlineMs`. Idempotent. */
  close(deadlineMs: number): Promise<CloseReport>;
}

/** The address cannot be listened on. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  readonly code = "LISTEN_FAILED";
}

/** Serves `app` (an Express application or any listener). @throws ListenError when the address is taken, forbidden or not of this machine. */
export async function listen(app: RequestListener, options: ListenOptions): Promise<RunningServer> {
  const headersTimeout = options.headersTimeoutMs ?? HEADERS_TIMEOUT_MS;
  const server = createServer({
    headersTimeout,
    requestTimeout: Math.max(headersTimeout, options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS),
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: CHECKING_INTERVAL_MS,
  });
  server.maxHeadersCount = MAX_HEADERS_COUNT;
  const running = new Set<ServerResponse>();
  server.on("request", (request, response) => {
    running.add(response);
    response.once("close", () => running.delete(response));
    if (!server.listening) response.shouldKeepAlive = false;
    app(request, response);
  });
  await bind(server, options);
  let closed: Promise<CloseReport> | undefined;
  return {
    port: portOf(server.address()),
    close: (deadlineMs) => (closed ??= closeServer(server, running, deadlineMs)),
  };
}

function bind(server: Server, { host, port }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(new ListenError(explain(error, host, port), { cause: error })));
    server.listen({ host, port }, () => {
      server.removeAllListeners("error");
      resolve();
    });
  });
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): string {
  if (error.code === "EADDRINUSE") return `Port ${port} on ${host} is taken by another process. Stop that process or set PORT to a free one.`;
  if (error.code === "EACCES") return `Port ${port} on ${host} may not be used by this user. Set PORT to one above 1023.`;
  if (error.code === "EADDRNOTAVAIL") return `${host} is not an address of this machine. Set HOST to one that is, or to 0.0.0.0.`;
  return `Cannot listen on ${host}:${port}: ${error.message}`;
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new ListenError("The server has no TCP address.");
  return address.port;
}

function closeServer(server: Server, running: ReadonlySet<ServerResponse>, deadlineMs: number): Promise<CloseReport> {
  return new Promise((resolve) => {
    let abortedRequests = 0;
    const deadline = setTimeout(() => {
      abortedRequests = running.size;
      server.closeAllConnections();
    }, deadlineMs);
    const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS);
    server.close(() => {
      clearTimeout(deadline);
      clearInterval(sweep);
      resolve({ abortedRequests });
    });
    for (const response of running) {
      if (!response.headersSent) response.shouldKeepAlive = false;
    }
    server.closeIdleConnections();
  });
}

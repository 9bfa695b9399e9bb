import { NodeError } from "@fluxo/core/errors/node-error";
import type { HttpPort, HttpRequest, HttpResponse } from "@fluxo/core/ports/http";
import { createServer, request as openRequest, type IncomingMessage, type Server, type ServerResponse } from "node:http";

/** What the provider received. `url` is the one that the node asked for. */
export interface ReceivedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** As UTF-8. */
  readonly body: string;
  readonly bytes: Uint8Array;
}

/** What the provider answers; a `silent` one never does, a `broken` one closes the connection. */
export type Reply = { readonly status?: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string | Uint8Array } | "silent" | "broken";

const WANTED_URL = "x-wanted-url";

/** A real HTTP server on the loopback interface that stands for every host, and the port that leads to it. */
export class Provider implements HttpPort, AsyncDisposable {
  readonly requests: ReceivedRequest[] = [];
  /** The same for every request, or one that depends on it. */
  reply: Reply | ((request: ReceivedRequest) => Reply) = { headers: { "content-type": "application/json" }, body: '{"ok":true}' };
  readonly #server: Server;
  readonly #port: number;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.#port = port;
  }

  static async start(): Promise<Provider> {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    const address = server.address();
    if (address === null || typeof address === "string") {
      throw new TypeError("The server has no port.");
    }
    const provider = new Provider(server, address.port);
    server.on("request", (incoming, outgoing) => {
      outgoing.sendDate = false;
      void provider.#answer(incoming, outgoing);
    });
    return provider;
  }

  /** Sends to the local server whatever the URL says, and answers in the name of the URL. */
  send(request: HttpRequest): Promise<HttpResponse> {
    return sendToPort(this.#port, request);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  async #answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await readBody(incoming, Number.POSITIVE_INFINITY);
    const { [WANTED_URL]: url = "", ...headers } = joinedHeaders(incoming);
    const request = { method: incoming.method ?? "", url, headers, body: Buffer.from(body).toString("utf8"), bytes: body };
    this.requests.push(request);
    const reply = typeof this.reply === "function" ? this.reply(request) : this.reply;
    if (reply === "broken") {
      incoming.socket.destroy();
    } else if (reply !== "silent") {
      outgoing.writeHead(reply.status ?? 200, { connection: "close", ...reply.headers });
      outgoing.end(reply.body);
    }
  }
}

/** Sends to a server on the loopback interface whatever the URL says, and answers in the name of the URL. */
export function sendToPort(port: number, { method, url, headers, body, timeoutMs, maxResponseBytes, signal }: HttpRequest): Promise<HttpResponse> {
  const { pathname, search } = new URL(url);
  const timeout = AbortSignal.timeout(timeoutMs);
  const ends = AbortSignal.any(signal === undefined ? [timeout] : [timeout, signal]);
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      reject(signal?.aborted === true ? signal.reason : failureOf(error, timeout));
    };
    const options = { host: "127.0.0.1", port, method, path: pathname + search, headers: { ...headers, [WANTED_URL]: url }, signal: ends };
    const outgoing = openRequest(options, (incoming) => {
      responseOf(incoming, url, maxResponseBytes).then(resolve, fail);
    });
    outgoing.on("error", fail);
    outgoing.end(body);
  });
}

async function responseOf(incoming: IncomingMessage, url: string, maxBytes: number): Promise<HttpResponse> {
  return { status: incoming.statusCode ?? 0, headers: joinedHeaders(incoming), body: await readBody(incoming, maxBytes), url };
}

async function readBody(incoming: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    const bytes = Buffer.from(chunk);
    size += bytes.byteLength;
    if (size > maxBytes) {
      throw new NodeError("The answer is too large.", { errorClass: "DATA", code: "RESPONSE_TOO_LARGE" });
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

function joinedHeaders(incoming: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(incoming.headersDistinct).map(([name, values]) => [name, (values ?? []).join(", ")]));
}

function failureOf(error: unknown, timeout: AbortSignal): NodeError {
  if (error instanceof NodeError) {
    return error;
  }
  return timeout.aborted
    ? new NodeError("No answer in time.", { errorClass: "TIMEOUT", code: "NODE_TIMEOUT", cause: error })
    : new NodeError("The connection failed.", { errorClass: "CONNECTION", code: "CONNECTION_FAILED", cause: error });
}

import { createServer, request as sendRequest, type IncomingMessage, type RequestOptions, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A request at the gate: first before the service behind it knows of it, then with the answer, before the caller learns of that. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  /** Undefined before the service is asked. */
  readonly status: number | undefined;
}

/** Decides whether a request or an answer goes on. `drop` cuts the caller's connection instead: nothing was done, or it was and nobody was told. */
export type Intercept = (exchange: Exchange) => Promise<"pass" | "drop"> | "pass" | "drop";

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

const PROBE_INTERVAL_MS = 500;
const PROBE_TIMEOUT_MS = 1_000;
/** Headers of one connection, not of the message. */
const HOP_HEADERS: ReadonlySet<string> = new Set(["connection", "keep-alive", "transfer-encoding", "content-length"]);

/**
 * What stands before a service in an installation: a proxy that spreads requests over the processes that are ready, as a Kubernetes Service does,
 * and where a fault may come between an answer and its caller. A request that no process takes, or whose process dies, ends with a cut connection.
 */
export class HttpGate {
  readonly #ports: readonly number[];
  readonly #server: Server;
  readonly #out = new Set<number>();
  #intercept: Intercept = () => "pass";
  #turn = 0;
  #probing: NodeJS.Timeout | undefined;

  private constructor(ports: readonly number[]) {
    this.#ports = ports;
    this.#server = createServer((request, response) => {
      this.#pass(request, response).catch(() => response.destroy());
    });
    this.#server.requestTimeout = 0;
  }

  /** @param probed whether processes that do not answer /readyz are left out until they do */
  static async start(ports: readonly number[], probed = false): Promise<HttpGate> {
    const gate = new HttpGate(ports);
    await new Promise<void>((resolve) => gate.#server.listen(0, "127.0.0.1", resolve));
    if (probed) gate.#probing = setInterval(() => void gate.#probe(), PROBE_INTERVAL_MS);
    return gate;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Asked about every request and every answer from now on, until it is called with undefined. */
  intercept(intercept: Intercept | undefined): void {
    this.#intercept = intercept ?? (() => "pass");
  }

  async stop(): Promise<void> {
    clearInterval(this.#probing);
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const exchange = { method: request.method ?? "", path: request.url ?? "" };
    if ((await this.#intercept({ ...exchange, status: undefined })) === "drop") {
      response.destroy();
      return;
    }
    const answer = await this.#ask(request, Buffer.concat(chunks), gone.signal);
    if ((await this.#intercept({ ...exchange, status: answer.status })) === "drop") {
      response.destroy();
      return;
    }
    response.writeHead(answer.status, Object.fromEntries(Object.entries(answer.headers).filter(([name]) => !HOP_HEADERS.has(name))));
    response.end(answer.body);
  }

  /** Asks one process after the other until one takes the connection. */
  async #ask(request: IncomingMessage, body: Buffer, signal: AbortSignal): Promise<Answer> {
    const ready = this.#ports.filter((port) => !this.#out.has(port));
    this.#turn += 1;
    let failure: unknown = new Error("no process is ready");
    for (let tried = 0; tried < ready.length; tried += 1) {
      const port = ready[(this.#turn + tried) % ready.length];
      try {
        const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !HOP_HEADERS.has(name)));
        return await askProcess({ host: "127.0.0.1", port, method: request.method, path: request.url, headers: { ...headers, "content-length": body.length }, agent: false, signal }, body);
      } catch (error) {
        failure = error;
        if (!isRefused(error)) break;
      }
    }
    throw failure;
  }

  async #probe(): Promise<void> {
    await Promise.all(
      this.#ports.map(async (port) => {
        try {
          const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
          await response.text();
          if (response.ok) this.#out.delete(port);
          else this.#out.add(port);
        } catch {
          this.#out.add(port);
        }
      }),
    );
  }
}

function askProcess(options: RequestOptions, body: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = sendRequest(options, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("error", reject);
      incoming.on("end", () => resolve({ status: incoming.statusCode ?? 502, headers: incoming.headers, body: Buffer.concat(chunks) }));
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

function isRefused(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ECONNREFUSED";
}

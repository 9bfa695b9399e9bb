import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A request that the sink received. */
export interface SinkRecord {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  readonly at: number;
  /** When the caller went away without the answer; absent while it waits and after it was answered. */
  readonly abortedAt?: number;
}

type OpenRecord = { -readonly [K in keyof SinkRecord]: SinkRecord[K] };

/**
 * A provider that tests talk to, told what to do by the path of the request:
 * `/echo/…` 200 with what came · `/status/<code>/…` that status · `/flaky/<failures>/<name>` 503 so many times, then 200 ·
 * `/slow/<ms>/…` 200 after so long · `/gated/…` 200 when the test opens the gate of its path, and at once from then on · `/limited/<seconds>/<name>` 429 with Retry-After once, then 200 · `/hang/…` never answers ·
 * `/stall/<times>/<name>` does not answer so many times, then 200 · `/cut/<times>/<name>` cuts the connection so many times, then 200 ·
 * `/mirror/<status>/…` that status with the headers that came · `/redirect/<URL, encoded>` 302 to that URL ·
 * `/document/<name>` GET gives what PUT wrote last, as XML.
 * `GET /_log?path=<prefix>` tells every request whose path starts so; `/_open?path=<path>` opens a gate.
 */
export interface Sink {
  readonly port: number;
  readonly url: string;
  /** Requests whose path starts with the prefix, oldest first. */
  received(prefix: string): readonly SinkRecord[];
  /** Answers what waits under `/gated/…` at this path, and what comes to it later. */
  open(path: string): void;
  stop(): Promise<void>;
}

/** Starts a sink on 127.0.0.1. @param port 0 lets the system choose */
export async function startSink(port = 0): Promise<Sink> {
  const records: OpenRecord[] = [];
  const gates = new Map<string, PromiseWithResolvers<undefined>>();
  const gateOf = (path: string): PromiseWithResolvers<undefined> => {
    const gate = gates.get(path) ?? Promise.withResolvers<undefined>();
    gates.set(path, gate);
    return gate;
  };
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://sink");
    if (url.pathname === "/_open") {
      gateOf(url.searchParams.get("path") ?? "").resolve(undefined);
      response.writeHead(204).end();
    } else void answer(request, response, records, (path) => gateOf(path).promise);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const { port: bound } = server.address() as AddressInfo;
  const received = (prefix: string): readonly SinkRecord[] => records.filter(({ path }) => path.startsWith(prefix));
  return { port: bound, url: `http://127.0.0.1:${bound}`, received, open: (path) => gateOf(path).resolve(undefined), stop: () => stop(server) };
}

async function answer(request: IncomingMessage, response: ServerResponse, records: OpenRecord[], gate: (path: string) => Promise<unknown>): Promise<void> {
  const url = new URL(request.url ?? "/", "http://sink");
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString();
  const reply = (status: number, payload: unknown, headers: Record<string, string> = {}): void => {
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(payload));
  };
  if (url.pathname === "/_log") {
    const prefix = url.searchParams.get("path") ?? "/";
    reply(200, records.filter(({ path }) => path.startsWith(prefix)));
    return;
  }
  const earlier = records.filter(({ path }) => path === url.pathname).length;
  const record: OpenRecord = { method: request.method ?? "", path: url.pathname, headers: request.headers, body, at: Date.now() };
  records.push(record);
  response.once("close", () => {
    if (!response.writableEnded) record.abortedAt = Date.now();
  });
  const [kind, argument = ""] = url.pathname.split("/").slice(1);
  const echo = { method: request.method, path: url.pathname, body, received: earlier + 1 };
  switch (kind) {
    case "status":
      reply(Number(argument), { status: Number(argument) });
      return;
    case "mirror":
      reply(Number(argument), { youSent: request.headers });
      return;
    case "flaky":
      reply(earlier < Number(argument) ? 503 : 200, echo);
      return;
    case "limited":
      reply(earlier === 0 ? 429 : 200, echo, earlier === 0 ? { "retry-after": argument } : {});
      return;
    case "slow":
      await sleep(Number(argument));
      reply(200, echo);
      return;
    case "gated":
      await gate(url.pathname);
      reply(200, echo);
      return;
    case "hang":
      return;
    case "stall":
      if (earlier >= Number(argument)) reply(200, echo);
      return;
    case "cut":
      if (earlier < Number(argument)) request.socket.destroy();
      else reply(200, echo);
      return;
    case "redirect":
      reply(302, {}, { location: decodeURIComponent(argument) });
      return;
    case "document": {
      if (record.method === "PUT") reply(200, echo);
      else response.writeHead(200, { "content-type": "application/xml" }).end(records.findLast(({ method, path }) => method === "PUT" && path === url.pathname)?.body);
      return;
    }
    default:
      reply(200, echo);
  }
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

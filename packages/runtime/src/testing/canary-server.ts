import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { buffer } from "node:stream/consumers";

/** What a request looked like when it arrived. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** What TLS was asked for (SNI); undefined without TLS or without SNI. */
  readonly serverName: string | undefined;
}

export interface CanaryServer {
  readonly port: number;
  /** TCP connections taken so far, also those that never sent a request. */
  connections(): number;
  readonly requests: SeenRequest[];
  close(): Promise<void>;
}

export interface CanaryOptions {
  /** `::` listens on every address of the machine, IPv4 too where the system allows. */
  readonly host?: string;
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Answers after the request was read and recorded. */
  readonly answer?: RequestListener;
}

/** A local HTTP server that remembers every connection and request; what must not be reached must leave no trace here. */
export async function startCanary(options: CanaryOptions = {}): Promise<CanaryServer> {
  const requests: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const answer: RequestListener = options.answer ?? ((_request, response) => void response.end("canary"));
  const listener: RequestListener = (request, response) => {
    void buffer(request).then(
      (body) => {
        requests.push({ method: request.method ?? "", path: request.url ?? "", headers: request.headers, body: body.toString("utf8"), serverName: serverNameOf(request.socket) });
        answer(request, response);
      },
      () => response.destroy(),
    );
  };
  const server = options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener);
  server.on("connection", (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, options.host ?? "127.0.0.1", resolve);
  });
  return {
    port: portOf(server.address()),
    connections: () => connections,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function serverNameOf(socket: Socket): string | undefined {
  return "servername" in socket && typeof socket.servername === "string" ? socket.servername : undefined;
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new Error("The canary has no TCP address.");
  return address.port;
}

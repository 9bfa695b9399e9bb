import { createServer, type Server, type Socket } from "node:net";
import type { DialPort, DialProtocol } from "@fluxo/core/ports/dial";
import { localDialer } from "./local-dialer.ts";
import type { Provider } from "./provider.ts";
import { startSmtpServer } from "./smtp-server.ts";

/** Servers that get along with the examples, by protocol. They live as long as the test process. */
const SERVERS: Partial<Record<DialProtocol, () => Promise<number>>> = {
  smtp: async () => (await startSmtpServer()).port,
  postgresql: () => listen(createServer(answerPostgresql)),
};
const started = new Map<DialProtocol | "silent", Promise<number>>();

/** The way of examples to what is not HTTP. A connection counts as a request of the provider; one that is silent takes connections and says nothing. */
export function exampleDial(provider: Provider): DialPort {
  return {
    connect: async (target) => {
      target.signal?.throwIfAborted();
      provider.requests.push({ method: "CONNECT", url: `${target.protocol}://${target.host}:${target.port}`, headers: {}, body: "", bytes: new Uint8Array() });
      return localDialer(await portOf(provider.reply === "silent" ? "silent" : target.protocol)).connect(target);
    },
  };
}

function portOf(which: DialProtocol | "silent"): Promise<number> {
  const running = started.get(which);
  if (running !== undefined) return running;
  const start = which === "silent" ? () => listen(createServer()) : SERVERS[which];
  if (start === undefined) throw new RangeError(`There is no server for ${which}.`);
  const port = start();
  started.set(which, port);
  return port;
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  server.unref();
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("The server has no port.");
  return address.port;
}

const message = (type: string, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, body]);
};
const READY = message("Z", Buffer.from("I"));
const GREETING = Buffer.concat([message("R", Buffer.alloc(4)), READY]);
const EMPTY_RESULT = [message("1"), message("2"), message("n"), message("C", Buffer.from("SELECT 0\0"))];

/**
 * The server's side of the protocol (PostgreSQL documentation, section 53.2) for a role without a password, where every statement gives nothing.
 * The real server is in the store tests; this one is for what needs no store.
 */
function answerPostgresql(socket: Socket): void {
  let left = Buffer.alloc(0);
  let isStarted = false;
  socket.on("error", () => undefined);
  socket.on("data", (data) => {
    left = Buffer.concat([left, data]);
    for (;;) {
      const header = isStarted ? 1 : 0;
      const end = left.length < header + 4 ? Number.POSITIVE_INFINITY : header + left.readInt32BE(header);
      if (left.length < end) return;
      socket.write(answerTo(isStarted ? left.toString("latin1", 0, 1) : ""));
      left = left.subarray(end);
      isStarted = true;
    }
  });
}

function answerTo(type: string): Buffer {
  switch (type) {
    case "":
      return GREETING;
    case "Q":
      return Buffer.concat([message("C", Buffer.from("BEGIN\0")), READY]);
    case "E":
      return Buffer.concat(EMPTY_RESULT);
    case "S":
      return READY;
    default:
      return Buffer.alloc(0);
  }
}

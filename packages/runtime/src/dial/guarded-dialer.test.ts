import { connect, createServer, type Server, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { createServer as createTlsServer, TLSSocket } from "node:tls";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { DialTarget } from "@fluxo/core/ports/dial";
import { afterEach, describe, expect, test } from "vitest";
import { TEST_CERTIFICATE, TEST_CERTIFICATE_KEY } from "@fluxo/test/support/tls-fixture";
import { createGuardedDialer, type GuardedDialerOptions } from "./guarded-dialer.ts";

const open: { readonly servers: Server[]; readonly sockets: Set<Socket> } = { servers: [], sockets: new Set() };
afterEach(() => {
  for (const socket of open.sockets) socket.destroy();
  for (const server of open.servers.splice(0)) server.close();
});

/** A server that does `greet` with whoever connects; the port leads to it. */
async function startServer(greet: (socket: Socket) => void, tls = false): Promise<number> {
  const onSocket = (socket: Socket): void => {
    open.sockets.add(socket);
    socket.on("error", () => undefined);
    greet(socket);
  };
  const server = tls ? createTlsServer({ cert: TEST_CERTIFICATE, key: TEST_CERTIFICATE_KEY }, onSocket) : createServer(onSocket);
  open.servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function dial(port: number, target: Partial<DialTarget> = {}, options: GuardedDialerOptions = {}): Promise<Socket> {
  const socket = await createGuardedDialer({
    resolver: () => Promise.resolve([{ address: "93.184.216.34" }]),
    openSocket: () => connect(port, "127.0.0.1"),
    ...options,
  }).connect({ protocol: "smtp", host: "secure.test", port: 465, tls: false, timeoutMs: 5_000, ...target });
  open.sockets.add(socket);
  return socket;
}

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.once("close", () => resolve());
  });

describe("connections", () => {
  test("gives a socket that has missed nothing of what the server said first", async () => {
    const socket = await dial(await startServer((server) => void server.end("220 hello")));
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    expect((await buffer(socket)).toString()).toBe("220 hello");
  });

  test("speaks TLS with SNI, and checks the certificate for the name or the address", async () => {
    const names: unknown[] = [];
    const port = await startServer((server) => {
      names.push(server instanceof TLSSocket ? Reflect.get(server, "servername") : undefined);
    }, true);
    const tls = { tls: true, ca: TEST_CERTIFICATE };
    expect(await dial(port, tls)).toBeInstanceOf(TLSSocket);
    expect(await dial(port, { ...tls, host: "127.0.0.1" }, { allowedPrivateHosts: ["127.0.0.1:465"] })).toBeInstanceOf(TLSSocket);
    await expect.poll(() => names).toEqual(["secure.test", false]);
    for (const refused of [{ ...tls, host: "other.test" }, { tls: true }]) {
      await expect(dial(port, refused)).rejects.toMatchObject({ errorClass: "CONNECTION", code: "CONNECTION_FAILED", message: expect.stringMatching(/\((ERR_TLS_CERT_ALTNAME_INVALID|DEPTH_ZERO_SELF_SIGNED_CERT)\)/) });
    }
  });

  test.each(["", "a b", "a/b", "user@host", "host:25", "[::1]:25", "a?b", "a#b", "a\\b", "[::1", "999.1.1.1"])("refuses the host %j", async (host) => {
    await expect(dial(1, { host })).rejects.toMatchObject({ code: "PARAMS_INVALID" });
  });
});

describe("limits", () => {
  test("a name that never resolves, a server that never shakes hands, a port that is closed", async () => {
    const never = { resolver: () => new Promise<never>(() => undefined) };
    await expect(dial(1, { timeoutMs: 50 }, never)).rejects.toMatchObject({ code: "NODE_TIMEOUT", errorClass: "TIMEOUT" });
    const silent = await startServer(() => undefined);
    await expect(dial(silent, { timeoutMs: 100, tls: true })).rejects.toMatchObject({ code: "NODE_TIMEOUT" });
    await expect(dial(1)).rejects.toMatchObject({ code: "CONNECTION_FAILED", message: "The connection to secure.test failed (ECONNREFUSED)." });
    const hangUp = await startServer((server) => void server.destroy());
    await expect(dial(hangUp, { tls: true })).rejects.toMatchObject({ code: "CONNECTION_FAILED" });
  });

  test("the signal ends the attempt with its reason, and later the socket", async () => {
    const reason = new Error("canceled");
    await expect(dial(1, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const silent = await startServer(() => undefined);
    const early = new AbortController();
    const attempt = dial(silent, { tls: true, signal: early.signal });
    early.abort(reason);
    await expect(attempt).rejects.toBe(reason);
    const late = new AbortController();
    const socket = await dial(silent, { signal: late.signal });
    late.abort(reason);
    await closed(socket);
    expect(socket.destroyed).toBe(true);
  });

  test.each([false, true])("a server that sends too much is cut off (TLS: %s)", async (tls) => {
    const port = await startServer((server) => {
      const chunk = Buffer.alloc(65_536);
      const write = (): void => {
        while (!server.destroyed && server.write(chunk));
      };
      server.on("drain", write);
      write();
    }, tls);
    const socket = await dial(port, { tls, bytesMax: 100_000, ...(tls ? { ca: TEST_CERTIFICATE } : {}) });
    socket.resume();
    await closed(socket);
    expect(socket.errored).toBeInstanceOf(NodeError);
    expect(socket.errored).toMatchObject({ code: "RESPONSE_TOO_LARGE", message: "secure.test sent more than 100000 bytes." });
  });

  test("a server within the limit is not", async () => {
    const socket = await dial(await startServer((server) => void server.end(Buffer.alloc(1_000))), { bytesMax: 1_000 });
    expect((await buffer(socket))).toHaveLength(1_000);
  });
});

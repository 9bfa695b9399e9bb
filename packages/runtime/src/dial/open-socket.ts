import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { timedOut, unreachable } from "./failures.ts";
import type { VettedTarget } from "./resolve-guarded.ts";

/** Opens TCP to the vetted addresses of a target. */
export type OpenSocket = (target: VettedTarget) => Socket;

/** Tries the vetted addresses one after the other, IPv6 and IPv4 in turn (RFC 8305); DNS is not asked. */
export const openTcp: OpenSocket = (target) => {
  const [first, ...rest] = target.addresses;
  if (rest.length === 0) return connectTcp({ host: first.address, port: target.port });
  return connectTcp({
    host: target.host,
    port: target.port,
    autoSelectFamily: true,
    lookup: (_host, options, callback) => {
      if (options.all === true) callback(null, [...target.addresses]);
      else callback(null, first.address, first.family);
    },
  });
};

export interface TlsSettings {
  /** Certificate authorities instead of the built-in ones, as PEM. */
  readonly ca?: string;
  readonly protocols?: readonly string[];
}

/** TLS over `socket`, with SNI and the check of the certificate for the host as it was named. */
function openTls(socket: Socket, target: VettedTarget, { ca, protocols }: TlsSettings): TLSSocket {
  return connectTls({
    socket,
    host: target.host,
    rejectUnauthorized: true,
    ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
    ...(protocols === undefined ? {} : { ALPNProtocols: [...protocols] }),
    ...(ca === undefined ? {} : { ca }),
  });
}

export interface ConnectSettings {
  readonly openSocket: OpenSocket;
  /** TLS from the first byte; undefined for none. */
  readonly tls: TlsSettings | undefined;
  /** For TCP and TLS together. */
  readonly connectTimeoutMs: number;
  /** Destroys the socket when it aborts, before and after it is connected. */
  readonly signal: AbortSignal;
}

/**
 * Connects to a vetted target and nowhere else. An error of the socket after that is the caller's to notice; without a listener it is dropped.
 * @throws NodeError NODE_TIMEOUT or CONNECTION_FAILED; what the system or TLS says; the reason of `signal`
 */
export function connectVetted(target: VettedTarget, { openSocket, tls, connectTimeoutMs, signal }: ConnectSettings): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const tcp = openSocket(target);
    const socket = tls === undefined ? tcp : openTls(tcp, target, tls);
    const close = (): void => {
      socket.destroy();
      tcp.destroy();
    };
    const fail = (error: unknown): void => {
      clearTimeout(timer);
      reject(error);
      close();
    };
    const timer = setTimeout(() => fail(timedOut(`No connection to ${target.host}:${target.port} within ${connectTimeoutMs} ms.`, undefined)), connectTimeoutMs);
    const onAbort = (): void => fail(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    tcp.on("error", fail);
    if (socket !== tcp) socket.on("error", fail);
    socket.once("close", () => {
      signal.removeEventListener("abort", onAbort);
      fail(unreachable(target.host, "", undefined));
    });
    socket.once(tls === undefined ? "connect" : "secureConnect", () => {
      clearTimeout(timer);
      resolve(socket);
    });
    tcp.setNoDelay(true);
  });
}

import { once } from "node:events";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { DialPort, DialTarget } from "@fluxo/core/ports/dial";

/** A dialer for tests that connects to a local port whatever host is dialed; names and certificates are still those of the target. */
export function localDialer(port: number, seen: DialTarget[] = []): DialPort {
  return {
    connect: async (target) => {
      seen.push(target);
      const { host, tls, ca, signal } = target;
      signal?.throwIfAborted();
      const tcp = connect(port, "127.0.0.1");
      const socket = tls ? connectTls({ socket: tcp, host, servername: host, ...(ca === undefined ? {} : { ca }) }) : tcp;
      tcp.on("error", () => undefined);
      socket.on("error", () => undefined);
      signal?.addEventListener("abort", () => void socket.destroy(), { once: true });
      try {
        await once(socket, tls ? "secureConnect" : "connect", signal === undefined ? {} : { signal });
      } catch (cause) {
        if (signal?.aborted === true) throw signal.reason;
        throw new NodeError(`The connection to ${host} failed.`, { errorClass: "CONNECTION", code: "CONNECTION_FAILED", cause });
      }
      return socket;
    },
  };
}

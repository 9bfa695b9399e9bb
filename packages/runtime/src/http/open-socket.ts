import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
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

/** TLS over `socket`, with SNI and the check of the certificate for the host as it was named. HTTP/1.1 only. */
export function openTls(socket: Socket, target: VettedTarget, ca: string | undefined): TLSSocket {
  return connectTls({
    socket,
    host: target.host,
    ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
    ALPNProtocols: ["http/1.1"],
    ...(ca === undefined ? {} : { ca }),
  });
}

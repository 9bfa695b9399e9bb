import { isIP, type Socket } from "node:net";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { DialPort, DialTarget } from "@fluxo/core/ports/dial";
import { parseAllowedHosts } from "./address-rules.ts";
import { connectionFailure, timedOut } from "./failures.ts";
import { connectVetted, type OpenSocket, openTcp } from "./open-socket.ts";
import { isDialPortAllowed } from "./port-rules.ts";
import { resolveGuarded, type Resolver } from "./resolve-guarded.ts";

export interface GuardedDialerOptions {
  /** `host:port` literals that are open although they are private (FLUXO_ALLOWED_PRIVATE_HOSTS). */
  readonly allowedPrivateHosts?: readonly string[];
  readonly resolver?: Resolver;
  readonly openSocket?: OpenSocket;
}

interface Settings {
  readonly allowedHosts: ReadonlySet<string>;
  readonly resolver: Resolver | undefined;
  readonly openSocket: OpenSocket;
}

const MAX_TIMER_MS = 2_147_483_647;
const BYTES_CHECK_MS = 50;

/**
 * The dialer for hosts that a tenant chose, for all protocols but HTTP (`createGuardedClient`), under the same rules: the host read as a URL reads it, the
 * port rule of the protocol, all addresses of the name public, connection to exactly these addresses, certificate checked for the name. Nothing is pooled.
 */
export function createGuardedDialer(options: GuardedDialerOptions = {}): DialPort {
  const settings: Settings = {
    allowedHosts: parseAllowedHosts(options.allowedPrivateHosts ?? []),
    resolver: options.resolver,
    openSocket: options.openSocket ?? openTcp,
  };
  return { connect: (target) => connect(target, settings) };
}

async function connect(target: DialTarget, { allowedHosts, resolver, openSocket }: Settings): Promise<Socket> {
  target.signal?.throwIfAborted();
  const host = hostOf(target.host);
  const timeoutMs = Math.min(target.timeoutMs, MAX_TIMER_MS);
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(timedOut(`No connection to ${host}:${target.port} within ${timeoutMs} ms.`, undefined)), timeoutMs);
  const signal = target.signal === undefined ? timeout.signal : AbortSignal.any([timeout.signal, target.signal]);
  try {
    const isPortAllowed = (port: number): boolean => isDialPortAllowed(target.protocol, port);
    const vetted = await resolveGuarded(host, target.port, { allowedHosts, isPortAllowed, signal, ...(resolver === undefined ? {} : { resolver }) });
    const tls = target.tls ? { ...(target.ca === undefined ? {} : { ca: target.ca }) } : undefined;
    const socket = await connectVetted(vetted, { openSocket, tls, connectTimeoutMs: timeoutMs, signal });
    if (target.bytesMax !== undefined) limitBytes(socket, target.bytesMax, host);
    return socket;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw connectionFailure(error, host);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The host as WHATWG URL writes it, so that odd forms of an address (`127.1`, `0x7f000001`, full-width digits) are seen for what they are.
 * @throws NodeError PARAMS_INVALID
 */
function hostOf(text: string): string {
  const inUrl = isIP(text) === 6 ? `[${text}]` : text;
  const url = /[\s/\\?#@]|:(?!.*\])/.test(inUrl) ? null : URL.parse(`http://${inUrl}/`);
  if (url === null || url.hostname === "") throw new NodeError("The host must be a name or an address, without a port.", { errorClass: "DATA", code: "PARAMS_INVALID" });
  return url.hostname;
}

/**
 * Looks how much arrived instead of reading along: a protocol may take over the socket's handle for TLS, and then nothing else sees the bytes pass.
 * `bytesRead` counts them in every case.
 */
function limitBytes(socket: Socket, bytesMax: number, host: string): void {
  const check = setInterval(() => {
    if (socket.bytesRead > bytesMax) socket.destroy(new NodeError(`${host} sent more than ${bytesMax} bytes.`, { errorClass: "DATA", code: "RESPONSE_TOO_LARGE" }));
  }, BYTES_CHECK_MS);
  check.unref();
  socket.once("close", () => clearInterval(check));
}

import type { Socket } from "node:net";

/** The protocols that workflows speak to hosts of their own choice, besides HTTP. Each has its own rule for ports. */
export type DialProtocol = "smtp" | "imap" | "postgresql";

/** Where a node wants a connection to. */
export interface DialTarget {
  readonly protocol: DialProtocol;
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte, with the certificate checked for `host`. STARTTLS and the like are the protocol's own matter. */
  readonly tls: boolean;
  /** Certificate authorities instead of the built-in ones, as PEM. */
  readonly ca?: string;
  /** For everything until the connection stands: name, TCP and TLS. */
  readonly timeoutMs: number;
  /** What the other side may send; a socket that got more is destroyed with RESPONSE_TOO_LARGE (see `Socket.errored`), at the latest 50 ms later. */
  readonly bytesMax?: number;
  /** Destroys the socket when it aborts, also long after it was connected. */
  readonly signal?: AbortSignal;
}

/**
 * The only way out to a host that a tenant chose, for everything that is not HTTP: resolved once, every address checked, connected to exactly these.
 * The caller ends the socket.
 * @throws NodeError ADDRESS_REFUSED, CONNECTION_FAILED or NODE_TIMEOUT; PARAMS_INVALID for a host that cannot be one; the reason of `signal`.
 */
export interface DialPort {
  connect(target: DialTarget): Promise<Socket>;
}

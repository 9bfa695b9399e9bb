import type { DialProtocol } from "@fluxo/core/ports/dial";
import { isHighPortAllowed } from "./address-rules.ts";

/** Submission and relay: 465 and 587 (RFC 8314), 25, and 2525, which providers offer where 25 is closed. */
const SMTP_PORTS: ReadonlySet<number> = new Set([25, 465, 587, 2525]);

const IMAP_PORTS: ReadonlySet<number> = new Set([143, 993]);

/** PostgreSQL and its poolers, which the list of closed high ports keeps for everybody else. */
const POSTGRESQL_PORTS: ReadonlySet<number> = new Set([5432, 5433, 6432, 26257]);

/**
 * Whether a workflow may speak a protocol to a port of a public host. SMTP and IMAP have fixed ports. Managed PostgreSQL lives on any high port, so all
 * above 1023 are open but those of other stores, brokers and orchestration. The operator's list of hosts opens its own ports.
 */
export function isDialPortAllowed(protocol: DialProtocol, port: number): boolean {
  switch (protocol) {
    case "smtp":
      return SMTP_PORTS.has(port);
    case "imap":
      return IMAP_PORTS.has(port);
    case "postgresql":
      return POSTGRESQL_PORTS.has(port) || isHighPortAllowed(port);
    default:
      return protocol satisfies never;
  }
}

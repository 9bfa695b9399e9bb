import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { NodeError } from "@fluxo/core/errors/node-error";
import { hostPortKey, isPublicAddress } from "./address-rules.ts";

/** One answer of the resolver. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** All A and AAAA answers for a name. */
export type Resolver = (hostname: string) => Promise<readonly { readonly address: string }[]>;

/** The resolver of the system, answers in the order in which it gives them. */
export const systemResolver: Resolver = (hostname) => lookup(hostname, { all: true, order: "verbatim" });

export interface GuardOptions {
  /** `host:port` that the operator opened, from `parseAllowedHosts`. */
  readonly allowedHosts: ReadonlySet<string>;
  readonly resolver?: Resolver;
  /** Ports that may be called at public addresses; each protocol has its own rule. */
  readonly isPortAllowed: (port: number) => boolean;
  readonly signal?: AbortSignal;
}

/** Where to connect: exactly to `addresses`, without asking DNS again. */
export interface VettedTarget {
  /** As given: what belongs into SNI, the Host header and the check of the certificate. IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  readonly addresses: readonly [ResolvedAddress, ...ResolvedAddress[]];
}

/** Names of this machine whatever DNS says (RFC 6761). */
const LOCAL_NAME = /(?:^|\.)localhost\.?$/i;

/**
 * Resolves `host` once and checks every answer: one address that is not public refuses them all. Literal addresses are checked too.
 * `host` must be in the form of `URL.hostname` (odd IPv4 forms already normalized; brackets around IPv6 are optional).
 * The caller connects to the returned addresses only, which is what makes a rebinding name harmless.
 * @throws NodeError ADDRESS_REFUSED (REFUSED) or CONNECTION_FAILED (CONNECTION) when the name has no address; the reason of `signal`.
 */
export async function resolveGuarded(host: string, port: number, options: GuardOptions): Promise<VettedTarget> {
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  const literal = isIP(bare);
  const isOpened = options.allowedHosts.has(hostPortKey(literal === 6 ? `[${bare}]` : bare, port));
  if (!isOpened && !options.isPortAllowed(port)) throw refused(`Port ${port} is not one that workflows may call.`);
  if (!isOpened && LOCAL_NAME.test(bare)) throw notPublic(bare);
  const answers = literal === 0 ? await resolveName(bare, options) : [bare];
  if (!isOpened && !answers.every(isPublicAddress)) throw notPublic(bare);
  const [first, ...rest] = answers.map(toResolved);
  if (first === undefined) throw notFound(bare, undefined);
  return { host: bare, port, addresses: [first, ...rest] };
}

async function resolveName(name: string, { resolver = systemResolver, signal }: GuardOptions): Promise<readonly string[]> {
  signal?.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => undefined);
  const onAbort = (): void => aborted.reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const answers = await Promise.race([
      resolver(name).catch((cause: unknown) => {
        throw notFound(name, cause);
      }),
      aborted.promise,
    ]);
    return answers.map((answer) => answer.address);
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

function toResolved(address: string): ResolvedAddress {
  const family = isIP(address);
  if (family !== 4 && family !== 6) throw refused("The name has an answer that is no address.");
  return { address, family };
}

function notFound(name: string, cause: unknown): NodeError {
  return new NodeError(`The name ${name} has no address.`, { errorClass: "CONNECTION", code: "CONNECTION_FAILED", cause });
}

function notPublic(host: string): NodeError {
  return refused(`${host} is not at a public address.`);
}

/** A refusal by rule; its message never names an address that was resolved, so that it tells nothing about an inner network. */
export function refused(message: string): NodeError {
  return new NodeError(message, { errorClass: "REFUSED", code: "ADDRESS_REFUSED" });
}

import ipaddr from "ipaddr.js";

/** Addresses, as a list of them and of networks (`192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`). */
export interface AddressRanges {
  /** False for what is no address. An IPv4 address in IPv6 (`::ffff:192.0.2.7`) is the IPv4 address. */
  has(address: string): boolean;
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** The bits before the IPv4 address in an address of `::ffff:0:0/96` (RFC 4291, section 2.5.5.2). */
const MAPPED_BITS = 96;

/** @throws RangeError naming the range that cannot be read */
export function createAddressRanges(ranges: readonly string[]): AddressRanges {
  const networks = ranges.map(parseRange);
  return {
    has: (text) => {
      const address = parseAddress(text);
      return address !== undefined && networks.some(([network, bits]) => address.kind() === network.kind() && address.match(network, bits));
    },
  };
}

/**
 * The address that a request comes from: its connection's, unless that is one of the operator's own proxies. Then it is the last entry of
 * `X-Forwarded-For` that is not one of them: entries before it are whatever the caller wrote.
 * @param forwardedFor the header as received, several joined with commas
 * @returns undefined when a trusted proxy names nobody, or something that is no address
 */
export function clientAddressOf(remoteAddress: string | undefined, forwardedFor: string | undefined, trustedProxies: AddressRanges): string | undefined {
  if (remoteAddress === undefined || !trustedProxies.has(remoteAddress)) return normalized(remoteAddress ?? "");
  for (const entry of forwardedFor?.split(",").toReversed() ?? []) {
    const address = entry.trim();
    if (!trustedProxies.has(address)) return normalized(address);
  }
  return undefined;
}

function normalized(text: string): string | undefined {
  return parseAddress(text)?.toString();
}

/** Four decimal parts or an IPv6 address, without zone: nothing that inet_aton would make an address of. */
function parseAddress(text: string): Address | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  if (text.includes("%") || !text.includes(":") || !ipaddr.IPv6.isValid(text)) return undefined;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
}

function parseRange(range: string): [Address, number] {
  const [text = "", bitsText, ...rest] = range.split("/");
  const address = parseAddress(text);
  const isMapped = address?.kind() === "ipv4" && text.includes(":");
  const width = address?.kind() === "ipv4" && !isMapped ? 32 : 128;
  const bits = bitsText === undefined ? width : /^\d{1,3}$/.test(bitsText) ? Number(bitsText) : Number.NaN;
  const least = isMapped ? MAPPED_BITS : 0;
  if (address === undefined || rest.length > 0 || !(bits >= least && bits <= width)) throw new RangeError(`${range} is no address and no network of addresses.`);
  return [address, isMapped ? bits - MAPPED_BITS : bits];
}

/** How many bits of an IPv6 address name the network that one customer is given. */
const NETWORK_BITS = 64;

/** Whom an address stands for where callers are counted: an IPv4 address itself, of an IPv6 address its /64, as its holder has all of them. @param address as `clientAddressOf` tells it */
export function networkOf(address: string | null): string {
  const parsed = address === null ? undefined : parseAddress(address);
  if (parsed === undefined) return "unknown";
  if (!(parsed instanceof ipaddr.IPv6)) return parsed.toString();
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/${NETWORK_BITS}`).toString()}/${NETWORK_BITS}`;
}

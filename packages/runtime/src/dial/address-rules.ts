import { BlockList, isIP } from "node:net";
import ipaddr from "ipaddr.js";

/**
 * IPv4 networks that are never called, each beyond what `ipaddr.js` already calls something else than unicast; both lists are asked, so that
 * neither a gap in the library nor one here opens an address.
 */
const DENIED_IPV4 = [
  "0.0.0.0/8", // this network (RFC 1122)
  "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", // private (RFC 1918)
  "100.64.0.0/10", // carrier-grade NAT (RFC 6598); 100.100.100.200 is Alibaba's metadata
  "127.0.0.0/8", // loopback
  "168.63.129.16/32", // Azure's platform address: public by its range, private by what answers
  "169.254.0.0/16", // link-local; 169.254.169.254 is the metadata of most clouds
  "192.0.0.0/24", // protocol assignments (RFC 6890); 192.0.0.192 is Oracle's metadata
  "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", // documentation (RFC 5737)
  "192.31.196.0/24", "192.175.48.0/24", // AS112
  "192.52.193.0/24", // AMT (RFC 7450)
  "192.88.99.0/24", // 6to4 relay (RFC 7526)
  "198.18.0.0/15", // benchmarking (RFC 2544)
  "224.0.0.0/4", "240.0.0.0/4", // multicast, reserved and broadcast
] as const;

/** Outside of this no IPv6 address is global unicast: `::/8` with its mapped, compatible and NAT64 forms, discard, ULA, link-local, SRv6, multicast. */
const GLOBAL_UNICAST_IPV6 = "2000::/3";

/** Networks inside of 2000::/3 that carry an IPv4 address or are not public. */
const DENIED_IPV6 = [
  "2001::/23", // protocol assignments (RFC 2928): Teredo, benchmarking, AMT, ORCHID, drone ids
  "2001:db8::/32", "3fff::/20", // documentation
  "2002::/16", // 6to4
  "2620:4f:8000::/48", // AS112
  "3ffe::/16", // 6bone, returned
] as const;

const deniedIPv4 = blockListOf(DENIED_IPV4, "ipv4");
const deniedIPv6 = blockListOf(DENIED_IPV6, "ipv6");
const globalUnicastIPv6 = blockListOf([GLOBAL_UNICAST_IPV6], "ipv6");

function blockListOf(networks: readonly string[], family: "ipv4" | "ipv6"): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", prefix] = network.split("/");
    list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

/**
 * Whether `address` (an IP address in its usual form, no brackets) is public unicast. Everything else is not, also what cannot be read,
 * what carries a zone, and IPv6 forms that wrap an IPv4 address, whichever it is.
 */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !deniedIPv4.check(address, "ipv4") && ipaddr.IPv4.parse(address).range() === "unicast";
    case 6:
      return !address.includes("%") && isPublicIPv6(address);
    default:
      return false;
  }
}

function isPublicIPv6(address: string): boolean {
  if (!globalUnicastIPv6.check(address, "ipv6") || deniedIPv6.check(address, "ipv6")) return false;
  const parsed = ipaddr.IPv6.parse(address);
  return parsed.range() === "unicast" && !isIsatap(parsed.parts);
}

/** ISATAP (RFC 5214) puts an IPv4 address behind the interface identifier `::5efe` or `::200:5efe` of any prefix. */
function isIsatap(parts: readonly number[]): boolean {
  return parts[5] === 0x5efe && (parts[4] === 0 || parts[4] === 0x200);
}

const WELL_KNOWN_HTTP_PORTS: ReadonlySet<number> = new Set([80, 443]);

/**
 * Ports above 1023 on which something listens that can be harmed by a line of HTTP, or that nobody means to reach from a workflow:
 * stores, brokers, orchestration and the ports that browsers block.
 */
const DENIED_HIGH_PORTS: ReadonlySet<number> = new Set([
  1433, 1434, 1521, 1719, 1720, 1723, 1883, 2049, 2181, 2375, 2376, 2377, 2379, 2380, 2483, 2484, 3268, 3269, 3306, 3389, 3659, 4045, 4190, 4222, 4369, 5060, 5061, 5222, 5432,
  5433, 5671, 5672, 5900, 5984, 6000, 6379, 6380, 6432, 6443, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 7000, 7001, 7199, 8288, 8289, 8300, 8301, 8500, 8883, 9042, 9092,
  9093, 9160, 9200, 9300, 10080, 10250, 10255, 10256, 11211, 15672, 16379, 26257, 26379, 27017, 27018, 27019, 33060,
]);

/**
 * Whether a workflow may speak HTTP to `port`: 80, 443, and what is above 1023 unless it belongs to a store or is blocked by browsers
 * (8080, 8443 and the free choice of self-hosted services stay open). Addresses are public anyway; the rule keeps Fluxo from being used to send
 * lines of HTTP into other protocols in our name.
 */
export function isHttpPortAllowed(port: number): boolean {
  return WELL_KNOWN_HTTP_PORTS.has(port) || isHighPortAllowed(port);
}

/** Whether a port is above 1023 and not one of those that are closed for everybody. */
export function isHighPortAllowed(port: number): boolean {
  return Number.isInteger(port) && port > 1023 && port <= 65_535 && !DENIED_HIGH_PORTS.has(port);
}

/** `host:port` in one form: the host as WHATWG URL writes it (lower case, IPv4 in dots, IPv6 in brackets and compressed). */
export function hostPortKey(hostname: string, port: number): string {
  return `${hostname}:${port}`;
}

/**
 * Reads an operator's list of `host:port` that are open although they are private. A name opens that name only, an address that literal only:
 * another name for the same address stays closed.
 * @throws RangeError for an entry that is not `host:port`.
 */
export function parseAllowedHosts(entries: readonly string[]): ReadonlySet<string> {
  return new Set(
    entries.map((entry) => {
      const match = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})$/.exec(entry);
      const hostname = match?.[1] === undefined ? undefined : URL.parse(`http://${match[1]}/`)?.hostname;
      const port = Number(match?.[2]);
      if (hostname === undefined || hostname === "" || port < 1 || port > 65_535) throw new RangeError("An allowed private host must be written host:port.");
      return hostPortKey(hostname, port);
    }),
  );
}

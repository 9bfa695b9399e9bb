const DEFAULT_PORTS: ReadonlySet<string> = new Set(["", "80", "443"]);
const HOST = /^(?<name>\[[0-9a-f:.]+\]|[^:[\]]+)(?::(?<port>\d{1,5}))?$/;

/**
 * Whether one of the bound hosts covers a target (`host` or `host:port`, as `URL.host` has it). Names are compared as a whole and without regard to case;
 * `*.example.com` covers every name below example.com and not itself. A bound host without a port covers the ports of HTTP and HTTPS only, because behind
 * another port of the same machine there may be somebody else.
 */
export function isBoundTo(hosts: readonly string[], target: string): boolean {
  const wanted = partsOf(target);
  return wanted !== undefined && hosts.some((host) => covers(host, wanted));
}

interface HostParts {
  readonly name: string;
  /** Empty for none. */
  readonly port: string;
}

function covers(host: string, target: HostParts): boolean {
  const isWildcard = host.startsWith("*.");
  const bound = partsOf(isWildcard ? host.slice(2) : host);
  if (bound === undefined) return false;
  const isPortCovered = bound.port === "" ? DEFAULT_PORTS.has(target.port) : bound.port === target.port || (target.port === "" && DEFAULT_PORTS.has(bound.port));
  return isPortCovered && (isWildcard ? target.name.endsWith(`.${bound.name}`) : target.name === bound.name);
}

function partsOf(text: string): HostParts | undefined {
  const { name, port = "" } = HOST.exec(text.toLowerCase())?.groups ?? {};
  return name === undefined ? undefined : { name: name.replace(/\.$/, ""), port };
}

/** Whether a URL's host name is this machine by definition: 127.0.0.0/8, ::1, localhost (RFC 6761). Names are not resolved: what only resolves to it is not. */
export function isLoopback(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, "");
  return name === "localhost" || name.endsWith(".localhost") || name === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(name);
}

import type { IncomingHttpHeaders } from "node:http";

/** The value of a header by its lower-case name, which a tenant may have chosen: never a property that every object has. */
export function headerValue(headers: IncomingHttpHeaders, name: string): string | undefined {
  if (!Object.hasOwn(headers, name)) return undefined;
  const value = headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

import type { IncomingHttpHeaders } from "node:http";
import { DANGEROUS_KEYS } from "@fluxo/core/graph/names";
import type { JsonObject } from "@fluxo/core/json";
import { isSecretName } from "@fluxo/runtime/redact";
import { headerValue } from "../headers.ts";

/**
 * The headers that are recorded, by lower-case name; a repeated one is joined with ", ". Left out are what carries credentials by its name
 * (authorization, cookies, keys, tokens), what authenticates at this hook, and names that reach JavaScript's object machinery.
 * Node bounds their number and size.
 */
export function recordedHeaders(headers: IncomingHttpHeaders, secretHeaders: ReadonlySet<string>): JsonObject {
  const recorded: [string, string][] = [];
  for (const name of Object.keys(headers)) {
    if (secretHeaders.has(name) || DANGEROUS_KEYS.has(name) || isSecretName(name)) continue;
    const value = headerValue(headers, name);
    if (value !== undefined) recorded.push([name, value]);
  }
  return Object.fromEntries(recorded);
}

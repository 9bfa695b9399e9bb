import type { IncomingHttpHeaders } from "node:http";
import { DANGEROUS_KEYS } from "@fluxo/core/graph/names";
import type { JsonObject } from "@fluxo/core/json";
import { isSecretName } from "@fluxo/runtime/redact";
import { headerValue } from "../headers.ts";

/** Whether a header of this name may be recorded, of names that were seen before. Callers choose names: so many are remembered. */
const known = new Map<string, boolean>();
const KNOWN_MAX = 2_000;

function mayBeRecorded(name: string): boolean {
  const seen = known.get(name);
  if (seen !== undefined) return seen;
  const isHarmless = !DANGEROUS_KEYS.has(name) && !isSecretName(name);
  if (known.size < KNOWN_MAX) known.set(name, isHarmless);
  return isHarmless;
}

/**
 * The headers that are recorded, by lower-case name; a repeated one is joined with ", ". Left out are what carries credentials by its name
 * (authorization, cookies, keys, tokens), what authenticates at this hook, and names that reach JavaScript's object machinery.
 * Node bounds their number and size.
 */
export function recordedHeaders(headers: IncomingHttpHeaders, secretHeaders: ReadonlySet<string>): JsonObject {
  const recorded: JsonObject = {};
  for (const name of Object.keys(headers)) {
    if (secretHeaders.has(name) || !mayBeRecorded(name)) continue;
    const value = headerValue(headers, name);
    if (value !== undefined) recorded[name] = value;
  }
  return recorded;
}

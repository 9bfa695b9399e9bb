import { RequestError } from "@fluxo/core/errors/request-error";
import { DANGEROUS_KEYS } from "@fluxo/core/graph/names";
import type { JsonObject } from "@fluxo/core/json";
import { keyRefused } from "./json.ts";

/** Most fields of a form or of a query. */
export const FIELDS_MAX = 1_000;

/**
 * Fields of a form or of a query by name: a text, or an array of texts where a name repeats. Names mean nothing: `a[b]` is a name.
 * @param text `application/x-www-form-urlencoded`, without a question mark
 * @param part what an issue's path starts with
 * @throws RequestError VALIDATION_FAILED for a dangerous name or more than 1,000 fields
 */
export function parseFields(text: string, part: "body" | "query"): JsonObject {
  const fields = new Map<string, string | string[]>();
  let count = 0;
  for (const [name, value] of new URLSearchParams(text)) {
    count += 1;
    if (count > FIELDS_MAX) {
      const message = `There are more than ${FIELDS_MAX} fields.`;
      throw new RequestError("VALIDATION_FAILED", { detail: message, issues: [{ path: `/${part}`, code: "TOO_MANY_FIELDS", message }] });
    }
    if (DANGEROUS_KEYS.has(name)) throw keyRefused([part, name]);
    const known = fields.get(name);
    if (known === undefined) fields.set(name, value);
    else if (typeof known === "string") fields.set(name, [known, value]);
    else known.push(value);
  }
  return Object.fromEntries(fields);
}

import type { Json } from "./json.ts";

/**
 * Bytes of the value's JSON text in UTF-8: what it costs in a journal, an event or a body.
 * Infinity when the value is too deep or too large to have a JSON text at all, so that it exceeds every limit.
 */
export function jsonBytes(value: Json): number {
  try {
    return Buffer.byteLength(JSON.stringify(value), "utf8");
  } catch (error) {
    if (error instanceof RangeError) {
      return Number.POSITIVE_INFINITY;
    }
    throw error;
  }
}

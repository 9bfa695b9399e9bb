import type { Json } from "@fluxo/core/json";

/** A number as JSON writes it. */
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Longer texts are no number that fits in a double exactly. */
const LENGTH_MAX = 64;

/** The number that a value is, or that a text is as JSON writes it; undefined when it is none, or too large for a double. */
export function numberOf(value: Json): number | undefined {
  if (typeof value === "number") {
    return value;
  }
  if (typeof value !== "string" || value.length > LENGTH_MAX || !JSON_NUMBER.test(value)) {
    return undefined;
  }
  const parsed = Number(value);
  return Number.isFinite(parsed) ? parsed : undefined;
}

import type { z } from "zod";

/** What a schema says that has no words of its own for it, as zod's `error` option: a field that is missing is called missing, and a text that should be a number is none. */
export function inPlainWords({ code, input, expected }: z.core.$ZodRawIssue): string | undefined {
  if (code !== "invalid_type") return undefined;
  if (input === undefined) return `is missing: expected ${expected === "record" ? "object" : String(expected)}`;
  return Number.isNaN(input) ? "is not a number" : undefined;
}

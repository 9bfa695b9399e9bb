import type { z } from "zod";

/** What a schema says that has no words of its own for it, as zod's `error` option: a field that is missing is called missing. */
export function inPlainWords({ code, input, expected }: z.core.$ZodRawIssue): string | undefined {
  return code === "invalid_type" && input === undefined ? `is missing: expected ${expected === "record" ? "object" : String(expected)}` : undefined;
}

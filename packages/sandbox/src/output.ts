import type { Json } from "@fluxo/core/json";
import { OUTPUT_DEPTH_MAX } from "./limits.ts";

/** A value that came out of the sandbox, or why it cannot be taken: a sentence that can follow "The result". */
export type CheckedOutput = { readonly kind: "json"; readonly value: Json } | { readonly kind: "refused"; readonly reason: string };

/** Reads a result and checks it without recursion. @throws SyntaxError when it is not JSON, which the sandbox's engine never gives */
export function checkOutput(text: string): CheckedOutput {
  const value: Json = JSON.parse(text);
  const reason = reasonAgainst(value);
  return reason === undefined ? { kind: "json", value } : { kind: "refused", reason };
}

function reasonAgainst(root: Json): string | undefined {
  let level: Json[] = [root];
  for (let depth = 0; level.length > 0; depth += 1) {
    const next: Json[] = [];
    for (const value of level) {
      // A number like 1e999 is JSON and reads as Infinity.
      if (typeof value === "number" && !Number.isFinite(value)) return "has a number that is too large.";
      if (typeof value !== "object" || value === null) continue;
      if (depth === OUTPUT_DEPTH_MAX) return `is nested deeper than ${OUTPUT_DEPTH_MAX} levels.`;
      if (Object.hasOwn(value, "__proto__")) return "has a member named __proto__.";
      for (const member of Array.isArray(value) ? value : Object.values(value)) next.push(member);
    }
    level = next;
  }
  return undefined;
}

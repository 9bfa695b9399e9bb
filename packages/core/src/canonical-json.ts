import { at, compareText } from "./collections.ts";
import type { Json } from "./json.ts";

type Piece = { readonly kind: "text"; readonly text: string } | { readonly kind: "value"; readonly value: Json };

/**
 * JSON text that depends on nothing but the value: keys in the order of their code units, no spaces, numbers as ECMAScript writes them (RFC 8785).
 * A value that went through PostgreSQL's jsonb, which orders keys in its own way, has the same text as before. Works at any depth.
 */
export function canonicalJson(value: Json): string {
  const written: string[] = [];
  const pending: Piece[] = [{ kind: "value", value }];
  for (let piece = pending.pop(); piece !== undefined; piece = pending.pop()) {
    if (piece.kind === "text") {
      written.push(piece.text);
    } else if (piece.value === null || typeof piece.value !== "object") {
      written.push(JSON.stringify(piece.value));
    } else if (Array.isArray(piece.value)) {
      pushArray(pending, piece.value);
    } else {
      pushObject(pending, piece.value);
    }
  }
  return written.join("");
}

function pushArray(pending: Piece[], items: readonly Json[]): void {
  pending.push({ kind: "text", text: "]" });
  for (let index = items.length - 1; index >= 0; index -= 1) {
    pending.push({ kind: "value", value: at(items, index) });
    if (index > 0) {
      pending.push({ kind: "text", text: "," });
    }
  }
  pending.push({ kind: "text", text: "[" });
}

function pushObject(pending: Piece[], object: { readonly [key: string]: Json }): void {
  const entries = Object.entries(object).toSorted(([left], [right]) => compareText(left, right));
  pending.push({ kind: "text", text: "}" });
  for (let index = entries.length - 1; index >= 0; index -= 1) {
    const [key, value] = at(entries, index);
    pending.push({ kind: "value", value }, { kind: "text", text: `${index > 0 ? "," : ""}${JSON.stringify(key)}:` });
  }
  pending.push({ kind: "text", text: "{" });
}

/** Escapes that PostgreSQL's jsonb refuses: NUL and lone surrogates. JSON.stringify writes no escape for a paired surrogate. */
const refusedEscape = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g;

/** The JSON text of a value in a form that jsonb accepts: what it cannot hold becomes U+FFFD. `undefined` becomes `null`. */
export function toJsonb(value: unknown): string {
  const text = JSON.stringify(value) ?? "null";
  return text.includes("\\u") ? text.replaceAll(refusedEscape, "$1\\ufffd") : text;
}

/** The world of a command: what it reads, writes and knows. Injected, so that tests are the terminal. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Results, for people or as JSON for programs. */
  readonly out: (text: string) => void;
  /** Everything that is not the result. */
  readonly err: (text: string) => void;
  /** All of the standard input. */
  readonly readInput: () => Promise<string>;
  /** Asks a person for a secret, without showing it; undefined when nobody is there. */
  readonly askSecret: ((question: string) => Promise<string>) | undefined;
  /** Ends what follows something. */
  readonly signal: AbortSignal;
}

/** Text that a terminal can show as it is: control characters, which could hide or forge output, are shown as escapes. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Bidi_Control}]/gu, (character) => (character === "\n" || character === "\t" ? character : `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`));
}

/** Rows under their headings, aligned. */
export function table(headings: readonly string[], rows: readonly (readonly (string | number | null | undefined)[])[]): string {
  const cells = rows.map((row) => row.map((cell) => printable(cell === null || cell === undefined ? "–" : String(cell)).replaceAll("\n", " ")));
  const widths = headings.map((heading, column) => Math.max(heading.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string => row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join("  ").trimEnd();
  return [line(headings), ...cells.map(line)].join("\n");
}

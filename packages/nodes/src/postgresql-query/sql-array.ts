import type { Json } from "@fluxo/core/json";

/**
 * Reads an array as PostgreSQL writes it in text (documentation, section 8.15.6): `{1,NULL,"a \"b\"",{2}}`, with bounds before it or not.
 * Nesting is at most six deep, the server's own limit; the server is not trusted with more.
 */
export function parseSqlArray(text: string, element: (item: string | null) => Json): Json[] {
  const start = text.startsWith("[") ? text.indexOf("=") + 1 : 0;
  const reader: Reader = { text, at: start };
  return readArray(reader, element, 1);
}

interface Reader {
  readonly text: string;
  at: number;
}

const MAX_DEPTH = 6;

function readArray(reader: Reader, element: (item: string | null) => Json, depth: number): Json[] {
  if (reader.text[reader.at] !== "{" || depth > MAX_DEPTH) throw new SyntaxError("The server sent an array that cannot be read.");
  reader.at += 1;
  const items: Json[] = [];
  while (reader.at < reader.text.length) {
    const next = reader.text[reader.at];
    if (next === "}") {
      reader.at += 1;
      return items;
    }
    if (next === ",") reader.at += 1;
    else if (next === "{") items.push(readArray(reader, element, depth + 1));
    else items.push(element(next === '"' ? readQuoted(reader) : readBare(reader)));
  }
  throw new SyntaxError("The server sent an array without an end.");
}

function readQuoted(reader: Reader): string {
  const quoted = /"((?:[^"\\]|\\[^])*)"/y;
  quoted.lastIndex = reader.at;
  const found = quoted.exec(reader.text);
  if (found === null) throw new SyntaxError("The server sent an array without an end.");
  reader.at = quoted.lastIndex;
  return (found[1] ?? "").replaceAll(/\\([^])/g, "$1");
}

function readBare(reader: Reader): string | null {
  const bare = /[^,{}"]+/y;
  bare.lastIndex = reader.at;
  const item = bare.exec(reader.text)?.[0];
  if (item === undefined) throw new SyntaxError("The server sent an array that cannot be read.");
  reader.at = bare.lastIndex;
  return item === "NULL" ? null : item;
}

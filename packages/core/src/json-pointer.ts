/** The JSON pointer (RFC 6901) of a path: `["nodes", 3, "a/b"]` is `/nodes/3/a~1b`; the empty path is the whole document. */
export function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${escaped(String(part))}`).join("");
}

function escaped(part: string): string {
  return part.includes("~") || part.includes("/") ? part.replaceAll("~", "~0").replaceAll("/", "~1") : part;
}

/** The path that a JSON pointer names: the way back from `jsonPointer`, with every part as text. */
export function pointerPath(pointer: string): string[] {
  return pointer.split("/").slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

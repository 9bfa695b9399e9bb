const EXTENDED = /;\s*filename\*\s*=\s*utf-8'[^']*'([^\s;]+)/i;
const QUOTED = /;\s*filename\s*=\s*"([^"]*)"/i;
const TOKEN = /;\s*filename\s*=\s*([^\s;"]+)/i;

/** The file name that a `Content-Disposition` header tells (RFC 6266), the extended form first; undefined when it tells none. */
export function dispositionFileName(header: string): string | undefined {
  const extended = EXTENDED.exec(header)?.[1];
  const decoded = extended === undefined ? undefined : percentDecoded(extended);
  return decoded ?? QUOTED.exec(header)?.[1] ?? TOKEN.exec(header)?.[1];
}

function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

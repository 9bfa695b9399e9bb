import { PATH_BYTES_MAX, type FileTriggerParams } from "@fluxo/nodes/trigger-file/definition";
import picomatch from "picomatch";

/** Ends of names that programs give to files which they have not finished. */
const TEMPORARY = /(?:~|\.(?:part|partial|tmp|temp|crdownload|download|filepart|swp))$/i;

/** Whether a name, of a file or folder, is hidden or one of a file in the making. */
export function isIgnoredName(name: string): boolean {
  return name.startsWith(".") || TEMPORARY.test(name);
}

/** Whether any part of a path is ignored. */
export function isIgnoredPath(path: string): boolean {
  return path.split("/").some(isIgnoredName);
}

/** Whether a path counts by the trigger's patterns. */
export function pathFilter({ include, exclude }: Pick<FileTriggerParams, "include" | "exclude">): (path: string) => boolean {
  const options = { noextglob: true, nonegate: true, maxLength: 200 } as const;
  const included = include.map((pattern) => picomatch(pattern, options));
  const excluded = exclude.map((pattern) => picomatch(pattern, { ...options, dot: true }));
  return (path) => included.some((matches) => matches(path)) && !excluded.some((matches) => matches(path));
}

/** A file whose name nobody can be told. */
export interface UnreadableName {
  /** As received. */
  readonly raw: Uint8Array;
  readonly reason: string;
}

/** The path of these bytes, or why it cannot be told. */
export function readPath(raw: Uint8Array): string | UnreadableName {
  if (raw.byteLength > PATH_BYTES_MAX) return { raw, reason: `Its path has ${raw.byteLength} bytes; ${PATH_BYTES_MAX} are allowed.` };
  try {
    const path = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(raw);
    return /\p{Cc}/u.test(path) ? { raw, reason: "Its path holds control characters." } : path;
  } catch {
    return { raw, reason: "Its path is no UTF-8." };
  }
}

/** Unreadable bytes for people: what is not printable ASCII as \xNN. */
export function shownBytes(raw: Uint8Array): string {
  return Array.from(raw.subarray(0, 300), (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`)).join("");
}

import { unreadable } from "./unreadable.ts";

const PREDEFINED: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
]);

/** Longest name of a reference: `#x10FFFF` with some zeros before. */
const NAME_LENGTH_MAX = 12;

/** Replaces the five references that XML itself knows, and those to characters, in one pass: nothing that comes out is looked at again. @throws NodeError DATA_UNREADABLE */
export function decodeXmlText(text: string): string {
  const [first = "", ...rest] = text.split("&");
  return first + rest.map(decodePiece).join("");
}

function decodePiece(piece: string): string {
  const end = piece.slice(0, NAME_LENGTH_MAX).indexOf(";");
  const decoded = end === -1 ? undefined : decodeReference(piece.slice(0, end));
  if (decoded === undefined) {
    throw unreadable("XML that may be read", "it refers to an entity that XML itself does not know");
  }
  return decoded + piece.slice(end + 1);
}

function decodeReference(name: string): string | undefined {
  const number = /^#(?:x([0-9a-fA-F]+)|(\d+))$/.exec(name);
  if (number === null) {
    return PREDEFINED.get(name);
  }
  const code = number[1] === undefined ? Number(number[2]) : Number.parseInt(number[1], 16);
  return isXmlCharacter(code) ? String.fromCodePoint(code) : undefined;
}

/** XML 1.0, production 2. */
export function isXmlCharacter(code: number): boolean {
  return code === 0x9 || code === 0xa || code === 0xd || (code >= 0x20 && code <= 0xd7ff) || (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff);
}

import iconv from "iconv-lite";
import { unreadable } from "./split-feed.ts";

const DECLARATION_BYTES = 256;
const DECLARED = /^<\?xml[^>]*\sencoding\s*=\s*["']([\w.:-]{1,40})["']/i;
const CHARSET = /;\s*charset\s*=\s*"?([\w.:-]{1,40})/i;

/**
 * The text of a feed: by its byte order mark, else the charset of its Content-Type, else its XML declaration, else the look of its first bytes
 * (RFC 7303, section 3; XML 1.0, appendix F).
 * @throws NodeError DATA_UNREADABLE when nobody knows the charset
 */
export function decodeFeed(body: Uint8Array, contentType: string | undefined): string {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const charset: string = markOf(bytes) ?? CHARSET.exec(contentType ?? "")?.[1] ?? lookOf(bytes) ?? DECLARED.exec(bytes.toString("latin1", 0, DECLARATION_BYTES).trimStart())?.[1] ?? "utf-8";
  const isKnown: boolean = iconv.encodingExists(charset);
  if (!isKnown) throw unreadable(`The feed is in the charset ${charset}, which is not known.`);
  return iconv.decode(bytes, charset).toWellFormed().replaceAll("\0", "");
}

function markOf(bytes: Buffer): string | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return "utf-8";
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  return undefined;
}

function lookOf(bytes: Buffer): string | undefined {
  if (bytes[0] === 0x3c && bytes[1] === 0) return "utf-16le";
  if (bytes[0] === 0 && bytes[1] === 0x3c) return "utf-16be";
  return undefined;
}

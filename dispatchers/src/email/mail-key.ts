import { createHash } from "node:crypto";

/** The header fields that a mail is known by; in lower case, as servers are asked for them. */
export const KEY_FIELDS = ["message-id", "from", "to", "date", "subject", "received"] as const;

const HEAD_BYTES_MAX = 262_144;
const RAW_BYTES = 65_536;

/** A mail's header fields by lower-case name, unfolded, each in order of appearance. `mail` may be a head alone. */
export function readHead(mail: Uint8Array): ReadonlyMap<string, readonly string[]> {
  const text = Buffer.from(mail.buffer, mail.byteOffset, Math.min(mail.byteLength, HEAD_BYTES_MAX)).toString("latin1");
  const end = /\r?\n\r?\n/.exec(text)?.index ?? text.length;
  const fields = new Map<string, string[]>();
  for (const line of text.slice(0, end).replaceAll(/\r?\n[ \t]+/g, " ").split(/\r?\n/)) {
    const [, name, value] = /^([\x21-\x39\x3b-\x7e]+)[ \t]*:(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    const known = fields.get(name.toLowerCase());
    if (known === undefined) fields.set(name.toLowerCase(), [value.trim()]);
    else known.push(value.trim());
  }
  return fields;
}

/**
 * What a mail is known by for ever, whatever its server numbers it: its Message-ID with sender, date and subject, because careless senders use one id for many
 * mails; without an id, the way that it took and its size; without any of these fields, its beginning.
 * @param mail the mail, or its head with at least KEY_FIELDS
 * @param bytes the size of the whole mail
 */
export function mailKey(mail: Uint8Array, bytes: number): string {
  const head = readHead(mail);
  const parts = KEY_FIELDS.map((name) => head.get(name) ?? []);
  const [id = [], from = [], to = [], date = [], subject = [], received = []] = parts;
  if (parts.every((values) => values.length === 0)) return hash(["raw", Buffer.from(mail.subarray(0, RAW_BYTES)).toString("base64")]);
  if (id.length > 0) return hash(["id", id[0], from[0], date[0], subject[0]]);
  return hash(["head", from, to, date, subject, received, bytes]);
}

function hash(parts: unknown): string {
  return `mail:${createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 40)}`;
}

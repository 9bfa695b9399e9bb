import { domainToASCII } from "node:url";
import { z } from "zod";

/** Who sends or gets a message. The address is ASCII: a dot-atom and a domain name. */
export interface Mailbox {
  readonly name: string;
  readonly address: string;
}

/**
 * A local part without quotes (RFC 5322, dot-atom). Quoted local parts are legal and nobody has them, but mailers have sent their messages to other
 * domains than they name (GHSA-mm7p-fcc7-pg87).
 */
const LOCAL_PART = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const DOMAIN = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/;
const MAX_LOCAL_LENGTH = 64;
const MAX_ADDRESS_LENGTH = 254;
const MAX_NAME_LENGTH = 200;

const nameSchema = z.string().max(MAX_NAME_LENGTH).regex(/^\P{Cc}*$/u, "must not hold line breaks or other control characters");

/** As its schema leaves it. */
type WrittenMailbox = string | { readonly name: string; readonly address: string };

/** An address as it is written: `ada@example.com`, `Ada Lovelace <ada@example.com>`, or the two as an object. Always exactly one. */
export const mailboxSchema = z
  .union([z.string().max(600), z.strictObject({ name: nameSchema.default(""), address: z.string() })], "must be an address or an object of name and address")
  .refine((written) => toMailbox(written) !== undefined, "must be exactly one address, such as ada@example.com or Ada Lovelace <ada@example.com>");

/** One or several. */
export const mailboxesSchema = z.union([mailboxSchema, z.array(mailboxSchema).max(100)], "must be one address or an array of addresses");

/** The addresses as written, which `mailboxesSchema` has checked. */
export function mailboxesOf(written: z.output<typeof mailboxesSchema>): Mailbox[] {
  return [written].flat().flatMap((one) => toMailbox(one) ?? []);
}

/** The one address that is written; undefined when it is none or several. */
function toMailbox(written: WrittenMailbox): Mailbox | undefined {
  if (typeof written !== "string") return mailboxFrom(written.name, written.address);
  const named = /^([^<>]*)<([^<>]*)>$/.exec(written.trim());
  if (named === null) return mailboxFrom("", written);
  const name = (named[1] ?? "").trim().replace(/^"([^"\\]*)"$/, "$1");
  return nameSchema.safeParse(name).success ? mailboxFrom(name, named[2] ?? "") : undefined;
}

function mailboxFrom(name: string, written: string): Mailbox | undefined {
  const text = written.trim();
  const at = text.lastIndexOf("@");
  const local = text.slice(0, Math.max(0, at));
  const given = text.slice(at + 1);
  // The conversion reads like a URL: what stands for something in one is no part of a domain.
  const domain = /[\s%/\\?#@:[\]<>]/.test(given) ? "" : domainToASCII(given);
  const address = `${local}@${domain}`;
  if (local.length > MAX_LOCAL_LENGTH || address.length > MAX_ADDRESS_LENGTH || !LOCAL_PART.test(local) || !DOMAIN.test(domain)) return undefined;
  return { name: name.trim(), address };
}

import { NodeError } from "@fluxo/core/errors/node-error";
import { normalizeMessage } from "@fluxo/core/errors/normalize";
import { ATTACHMENT_BYTES_MAX, type RecordedMail } from "@fluxo/nodes/trigger-email/definition";
import { simpleParser, type AddressObject, type Attachment, type EmailAddress, type ParsedMail } from "mailparser";
import { KEY_FIELDS, readHead } from "./mail-key.ts";

export interface ParseOptions {
  readonly bodyBytesMax: number;
  readonly withAttachments: boolean;
}

/** A mail as its server gave it. */
export interface RawMail {
  readonly provider: RecordedMail["provider"];
  readonly uid: string;
  readonly receivedAt: Date;
  readonly source: Buffer;
}

/** Bytes of the head of one part, and parts of one mail: what has more is not read. */
const HEAD_BYTES_MAX = 262_144;
const PARTS_MAX = 500;
const ATTACHMENTS_MAX = 100;
/** Making text out of HTML takes time; of what is longer only the HTML is given. */
const HTML_TO_TEXT_LENGTH_MAX = 1_048_576;
const FIELD_LENGTH_MAX = 2_000;
const ADDRESSES_MAX = 200;

const KEPT_HEADERS = ["in-reply-to", "references", "list-id", "list-unsubscribe", "auto-submitted", "precedence", "importance", "x-priority", "return-path", "delivered-to"] as const;

/** What the trigger records of a mail. @throws NodeError DATA_UNREADABLE when it is no mail, or one made to take for ever */
export async function parseMail({ provider, uid, receivedAt, source }: RawMail, { bodyBytesMax, withAttachments }: ParseOptions): Promise<RecordedMail> {
  const head = readHead(source);
  if (!KEY_FIELDS.some((name) => head.has(name))) throw unreadable("it has no head", undefined);
  const mail = await parse(source);
  const text = cut(mail.text, bodyBytesMax);
  const html = cut(mail.html === false ? undefined : mail.html, bodyBytesMax);
  return {
    provider,
    uid,
    messageId: short(mail.messageId) ?? null,
    from: addressesOf(mail.from),
    to: addressesOf(mail.to),
    cc: addressesOf(mail.cc),
    replyTo: addressesOf(mail.replyTo),
    subject: short(mail.subject) ?? "",
    date: dateOf(head.get("date")?.[0]),
    receivedAt: receivedAt.toISOString(),
    text: text.content,
    html: html.content,
    isCut: text.isCut || html.isCut,
    headers: Object.fromEntries(KEPT_HEADERS.flatMap((name) => (head.has(name) ? [[name, short(head.get(name)?.[0]) ?? ""]] : []))),
    attachments: attachmentsOf(mail.attachments, withAttachments),
  };
}

async function parse(source: Buffer): Promise<ParsedMail> {
  const options = {
    skipImageLinks: true,
    skipTextToHtml: true,
    skipTextLinks: true,
    maxHtmlLengthToParse: HTML_TO_TEXT_LENGTH_MAX,
    maxHeadSize: HEAD_BYTES_MAX,
    maxChildNodes: PARTS_MAX,
  };
  try {
    return await simpleParser(source, options);
  } catch (error) {
    throw unreadable(error instanceof Error ? error.message : "its form is wrong", error);
  }
}

function unreadable(reason: string, cause: unknown): NodeError {
  return new NodeError(`The mail cannot be read: ${normalizeMessage(reason)}.`, { errorClass: "DATA", code: "DATA_UNREADABLE", cause });
}

/** As JSON carries it: whole characters, and at most so many bytes of them. */
function cut(text: string | undefined, bytesMax: number): { readonly content: string | null; readonly isCut: boolean } {
  if (text === undefined) return { content: null, isCut: false };
  const whole = text.toWellFormed();
  const bytes = Buffer.from(whole);
  if (bytes.byteLength <= bytesMax) return { content: whole, isCut: false };
  return { content: bytes.subarray(0, bytesMax).toString("utf8").replace(/\uFFFD{1,3}$/, ""), isCut: true };
}

function short(text: string | undefined): string | undefined {
  return text?.slice(0, FIELD_LENGTH_MAX).toWellFormed();
}

/** Not the parser's: it takes the time of the day for a date that it cannot read. */
function dateOf(field: string | undefined): string | null {
  const date = new Date(field ?? "");
  if (Number.isNaN(date.getTime())) return null;
  const year = date.getUTCFullYear();
  return year >= 0 && year <= 9_999 ? date.toISOString() : null;
}

function addressesOf(field: AddressObject | readonly AddressObject[] | undefined): RecordedMail["from"] {
  const objects = field === undefined ? [] : "value" in field ? [field] : field;
  const flat = (addresses: readonly EmailAddress[]): readonly EmailAddress[] => addresses.flatMap((address) => (address.group === undefined ? [address] : address.group));
  return objects
    .flatMap(({ value }) => flat(value))
    .slice(0, ADDRESSES_MAX)
    .map(({ name, address }) => ({ name: short(name) ?? "", address: short(address) ?? "" }));
}

/** Each with its content, as long as all together stay within the bound. */
function attachmentsOf(attachments: readonly Attachment[], withContent: boolean): RecordedMail["attachments"] {
  let left = withContent ? ATTACHMENT_BYTES_MAX : -1;
  return attachments.slice(0, ATTACHMENTS_MAX).map(({ filename, contentType, content, related, cid }) => {
    const isKept = content.byteLength <= left;
    if (isKept) left -= content.byteLength;
    return {
      name: short(filename) ?? "attachment",
      mediaType: contentType.slice(0, 200).toWellFormed(),
      bytes: content.byteLength,
      isInline: related === true,
      contentId: short(cid) ?? null,
      ...(isKept ? { content: content.toString("base64") } : {}),
    };
  });
}

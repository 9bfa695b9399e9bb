import { NodeError } from "@fluxo/core/errors/node-error";
import type { MarkedItem, ParkedItem, SeenItem } from "@fluxo/prisma/dispatch/commit";
import { MAIL_BYTES_MAX, type EmailTriggerParams } from "@fluxo/nodes/trigger-email/definition";
import type { ImapFlow, MailboxObject } from "imapflow";
import type { PollResult } from "../polling/source.ts";
import type { ImapCursor } from "./imap-cursor.ts";
import { findUids, listMails, readMail, type ListedMail } from "./imap-mailbox.ts";
import { readHead } from "./mail-key.ts";
import { parseMail } from "./parse-mail.ts";

export type ImapSource = Extract<EmailTriggerParams["source"], { provider: "imap" }>;

/** Mails of one look. */
export const IMAP_PAGE = 25;
/** Bytes of mails in one look, unless the first one alone has more. */
const LOOK_BYTES_MAX = 8_388_608;
const RAW_BYTES = 65_536;
/** Of the baseline: as many mails of the last days are remembered by their keys. */
const SEEN_MAX = 500;
const SEEN_MS = 3 * 86_400_000;
/** After the mailbox was numbered anew, mails of this time before the last one are compared, the latest so many. */
const RESYNC_MS = 86_400_000;
const RESYNC_MAX = 1_000;

interface Look {
  readonly client: ImapFlow;
  readonly mailbox: MailboxObject;
  readonly params: EmailTriggerParams;
  readonly source: ImapSource;
  readonly now: Date;
  readonly findStarted: FindStarted;
}

/** Which mails started an execution, by their keys. */
export type FindStarted = (keys: readonly string[]) => Promise<ReadonlySet<string>>;

export interface ImapLook {
  readonly params: EmailTriggerParams;
  readonly source: ImapSource;
  /** Undefined: take the baseline. */
  readonly cursor: ImapCursor | undefined;
  readonly now: Date;
  readonly findStarted: FindStarted;
}

/** One look at a mailbox over a session that is logged in. */
export async function lookAtImap(client: ImapFlow, { cursor, ...rest }: ImapLook): Promise<PollResult> {
  const { source } = rest;
  const mailbox = await client.mailboxOpen(source.mailbox, { readOnly: source.afterSuccess === "none" });
  const look = { client, mailbox, ...rest };
  if (cursor === undefined) return { cursor: await baseline(look), items: [], marks: [], parked: [], hasMore: false };
  if (cursor.uidValidity !== String(mailbox.uidValidity)) return beginResync(look, cursor);
  await finishPending(look, cursor.pending ?? []);
  return takePage(look, cursor);
}

async function baseline({ client, mailbox, now }: Look): Promise<ImapCursor> {
  const lastUid = await lastUidOf(client, mailbox);
  const recent = mailbox.exists === 0 ? [] : await findUids(client, { afterUid: 0, untilUid: lastUid, since: new Date(now.getTime() - SEEN_MS) });
  const mails = await listMails(client, recent.slice(-SEEN_MAX));
  const lastMs = mails.reduce((latest, { receivedAt }) => Math.max(latest, receivedAt.getTime()), mails.length === 0 ? now.getTime() : 0);
  const seen = mails.map(({ key, receivedAt }): [string, number] => [key, Math.floor(receivedAt.getTime() / 1_000)]);
  return { provider: "imap", uidValidity: String(mailbox.uidValidity), lastUid, lastDate: new Date(lastMs).toISOString(), seen };
}

/** The UID that the next mail will be above of. */
async function lastUidOf(client: ImapFlow, { uidNext, exists }: MailboxObject): Promise<number> {
  if (uidNext > 0) return uidNext - 1;
  const last = exists === 0 ? false : await client.fetchOne("*", { uid: true });
  return last === false ? 0 : last.uid;
}

/** The numbers of before mean nothing any more: what was received lately is compared by key from the next look on, the oldest first. */
async function beginResync({ client, mailbox, now }: Look, cursor: ImapCursor): Promise<PollResult> {
  const oldestSeen = cursor.seen.length < SEEN_MAX ? 0 : Math.min(...cursor.seen.map(([, seconds]) => seconds * 1_000));
  const since = new Date(Math.max(Date.parse(cursor.lastDate) - RESYNC_MS, oldestSeen));
  const untilUid = await lastUidOf(client, mailbox);
  const uids = await findUids(client, { afterUid: 0, untilUid, since });
  const left = Math.max(0, uids.length - RESYNC_MAX);
  const lastUid = left === 0 ? 0 : (uids[left - 1] ?? 0);
  const uidValidity = String(mailbox.uidValidity);
  const { provider, lastDate, seen } = cursor;
  const detail = `The server numbered the mailbox anew (UIDVALIDITY ${cursor.uidValidity}, now ${uidValidity}). ${uids.length - left} mails since ${since.toISOString()} are compared by Message-ID; ${left} older ones are left out.`;
  return {
    cursor: { provider, uidValidity, lastUid, lastDate, seen, resync: { untilUid, since: since.toISOString() } },
    items: [],
    marks: [{ key: `uidvalidity:${uidValidity}`, occurredAt: now, reason: "FILTERED", detail }],
    parked: [],
    hasMore: true,
  };
}

/**
 * What `afterSuccess` says about mails whose executions are recorded for good; what was filtered, parked or too large stays as it is. Doing it again changes nothing; what is gone
 * from the mailbox is nobody's fault.
 */
async function finishPending({ client, source, findStarted }: Look, uids: readonly number[]): Promise<void> {
  if (uids.length === 0 || source.afterSuccess === "none") return;
  const mails = await listMails(client, uids);
  const started = await findStarted(mails.map(({ key }) => key));
  const left = mails.filter(({ key }) => started.has(key)).map(({ uid }) => uid);
  if (left.length === 0) return;
  if (source.afterSuccess === "markSeen") await client.messageFlagsAdd(left, ["\\Seen"], { uid: true });
  if (source.afterSuccess !== "move" || source.moveTo === undefined) return;
  let moved = await client.messageMove(left, source.moveTo, { uid: true }).catch(() => false);
  if (moved === false) {
    await client.mailboxCreate(source.moveTo);
    moved = await client.messageMove(left, source.moveTo, { uid: true });
  }
  if (moved === false) throw new NodeError(`The mails could not be moved to ${source.moveTo}.`, { errorClass: "DATA", code: "PROVIDER_REJECTED" });
}

/** The next mails by UID. The cursor never passes one that is not in the result. */
async function takePage(look: Look, { resync, ...cursor }: ImapCursor): Promise<PollResult> {
  const { client, source } = look;
  const uids = await findUids(client, { afterUid: cursor.lastUid, ...(resync === undefined ? {} : { untilUid: resync.untilUid, since: new Date(resync.since) }) });
  const page = uids.slice(0, IMAP_PAGE);
  const taken = new Taken();
  let { lastUid } = cursor;
  let bytes = 0;
  const mails = new Map((await listMails(client, page)).map((mail) => [mail.uid, mail]));
  for (const uid of page) {
    const mail = mails.get(uid);
    const isRead = mail !== undefined && (resync === undefined || isNews(mail, cursor, resync.since, taken));
    if (isRead) {
      bytes += Math.min(mail.bytes, MAIL_BYTES_MAX);
      if (bytes > LOOK_BYTES_MAX && lastUid > cursor.lastUid) break;
      await takeMail(look, mail, taken);
    }
    lastUid = uid;
  }
  const isAtEnd = uids.length === 0 || lastUid === uids.at(-1);
  const pending = source.afterSuccess === "none" ? [] : taken.uids;
  const lastMs = Math.max(Date.parse(cursor.lastDate), ...taken.receivedMs);
  const next: ImapCursor = {
    ...cursor,
    lastUid: isAtEnd && resync !== undefined ? resync.untilUid : lastUid,
    lastDate: new Date(lastMs).toISOString(),
    seen: cursor.seen.filter(([, seconds]) => seconds * 1_000 > lastMs - 2 * RESYNC_MS),
    ...(isAtEnd || resync === undefined ? {} : { resync }),
  };
  const { items, marks, parked } = taken;
  delete next.pending;
  return { cursor: pending.length === 0 ? next : { ...next, pending }, items, marks, parked, hasMore: !isAtEnd || resync !== undefined || pending.length > 0 };
}

/** What one look takes. */
class Taken {
  readonly items: SeenItem[] = [];
  readonly marks: MarkedItem[] = [];
  readonly parked: ParkedItem[] = [];
  /** Of all that were read. */
  readonly uids: number[] = [];
  readonly receivedMs: number[] = [];
  readonly #keys = new Set<string>();

  /** False when the look has it already: the same mail delivered twice. */
  add(key: string): boolean {
    const isNew = !this.#keys.has(key);
    this.#keys.add(key);
    return isNew;
  }
}

/** After the mailbox was numbered anew: whether a mail may be one that nobody recorded. What occurrences know is found in the commit. */
function isNews({ key, receivedAt, head }: ListedMail, { seen }: Pick<ImapCursor, "seen">, since: string, taken: Taken): boolean {
  const sinceMs = Date.parse(since);
  if (receivedAt.getTime() < sinceMs || seen.some(([known]) => known === key)) return false;
  // A server that was moved may say of all mails that it got them just now; then the sender's clock tells.
  const sentMs = Date.parse(readHead(head).get("date")?.[0] ?? "");
  if (!(sentMs < sinceMs)) return true;
  if (taken.add(key)) taken.marks.push({ key, occurredAt: receivedAt, reason: "FILTERED", detail: `It was sent before ${since}, so it was there before the server numbered the mailbox anew.` });
  return false;
}

async function takeMail({ client, params, source: { mailbox } }: Look, { uid, bytes, receivedAt, key }: ListedMail, taken: Taken): Promise<void> {
  const isTooLarge = bytes > MAIL_BYTES_MAX;
  const source = await readMail(client, uid, isTooLarge ? RAW_BYTES : MAIL_BYTES_MAX);
  if (source === undefined) return;
  taken.receivedMs.push(receivedAt.getTime());
  taken.uids.push(uid);
  if (!taken.add(key)) return;
  const park = (code: "DATA_TOO_LARGE" | "DATA_UNREADABLE", message: string): void => {
    taken.parked.push({ key, occurredAt: receivedAt, code, message, reference: `uid ${uid} of ${mailbox}`, raw: source.subarray(0, RAW_BYTES) });
  };
  if (isTooLarge) return park("DATA_TOO_LARGE", `The mail has ${bytes} bytes; at most ${MAIL_BYTES_MAX} are read.`);
  try {
    const mail = await parseMail({ provider: "imap", uid: String(uid), receivedAt, source }, { bodyBytesMax: params.bodyBytesMax, withAttachments: params.attachments === "reference" });
    taken.items.push({ key, occurredAt: receivedAt, input: mail });
  } catch (error) {
    if (!(error instanceof NodeError) || error.code !== "DATA_UNREADABLE") throw error;
    park("DATA_UNREADABLE", error.message);
  }
}

import { NodeError } from "@fluxo/core/errors/node-error";
import { MAIL_BYTES_MAX, type EmailTriggerParams } from "@fluxo/nodes/trigger-email/definition";
import type { MarkedItem, ParkedItem, SeenItem } from "@fluxo/prisma/dispatch/commit";
import type { PollResult } from "../polling/source.ts";
import type { GmailClient } from "./gmail-client.ts";
import type { GmailCursor } from "./gmail-cursor.ts";
import { readHead } from "./mail-key.ts";
import { parseMail } from "./parse-mail.ts";

export type GmailSource = Extract<EmailTriggerParams["source"], { provider: "gmail" }>;

/** Changes of one look. */
export const GMAIL_PAGE = 25;
/** Bytes of mails in one look, unless the first one alone has more. */
const LOOK_BYTES_MAX = 8_388_608;
const RAW_BYTES = 65_536;
/** A full sync goes back so far before the last recorded mail, over so many messages at most, the latest. */
const RESYNC_MS = 86_400_000;
const RESYNC_MAX = 500;
/** The account's own messages on their way out. */
const NEVER: ReadonlySet<string> = new Set(["DRAFT"]);

/** One look at a Gmail account. @param cursor undefined: take the baseline */
export async function lookAtGmail(client: GmailClient, params: EmailTriggerParams, source: GmailSource, cursor: GmailCursor | undefined, now: Date): Promise<PollResult> {
  if (cursor === undefined) return baseline(client);
  const taken = new Taken(client, params, source, cursor);
  if (cursor.resync !== undefined && cursor.resync.length > 0) return continueResync(taken, cursor, cursor.resync);
  const [label = "INBOX"] = source.labels;
  const page = await client.history(cursor.historyId, label, GMAIL_PAGE);
  if (page === undefined) return beginResync(client, source, cursor, now);
  let { historyId } = cursor;
  let isWhole = true;
  for (const record of page.records) {
    isWhole = await taken.addAll(record.addedIds);
    if (!isWhole) break;
    historyId = record.id;
  }
  const hasMore = !isWhole || page.hasMore;
  return { cursor: { ...cursor, historyId: hasMore ? historyId : page.historyId, lastDate: taken.lastDate() }, ...taken.result(), hasMore };
}

async function baseline(client: GmailClient): Promise<PollResult> {
  const { historyId, at } = await client.profile();
  const cursor: GmailCursor = { provider: "gmail", historyId, baselineAt: at.toISOString(), lastDate: at.toISOString() };
  return { cursor, items: [], marks: [], parked: [], hasMore: false };
}

/** Gmail keeps its history for a week or so. What it has forgotten is looked for among the messages; where the history goes on is read before, so that nothing falls between. */
async function beginResync(client: GmailClient, source: GmailSource, cursor: GmailCursor, now: Date): Promise<PollResult> {
  const { historyId } = await client.profile();
  const sinceMs = Math.max(Date.parse(cursor.lastDate) - RESYNC_MS, Date.parse(cursor.baselineAt));
  const { ids, hasMore } = await client.list(`after:${Math.floor(sinceMs / 1_000)}`, source.labels, RESYNC_MAX);
  const left = hasMore ? " Older ones are left out." : "";
  const detail = `Gmail has forgotten its history since the last look. ${ids.length} messages since ${new Date(sinceMs).toISOString()} are looked at one by one.${left}`;
  return {
    cursor: { ...cursor, historyId, resync: ids.toReversed() },
    items: [],
    marks: [{ key: `history:${historyId}`, occurredAt: now, reason: "FILTERED", detail }],
    parked: [],
    hasMore: true,
  };
}

async function continueResync(taken: Taken, { resync: _done, ...cursor }: GmailCursor, ids: readonly string[]): Promise<PollResult> {
  let count = 0;
  for (const id of ids.slice(0, GMAIL_PAGE)) {
    if (!(await taken.addAll([id]))) break;
    count += 1;
  }
  const resync = ids.slice(count);
  return { cursor: { ...cursor, lastDate: taken.lastDate(), ...(resync.length === 0 ? {} : { resync }) }, ...taken.result(), hasMore: true };
}

/** What one look takes. */
class Taken {
  readonly #client: GmailClient;
  readonly #params: EmailTriggerParams;
  readonly #source: GmailSource;
  readonly #baselineMs: number;
  readonly #items: SeenItem[] = [];
  readonly #marks: MarkedItem[] = [];
  readonly #parked: ParkedItem[] = [];
  readonly #ids = new Set<string>();
  #lastMs: number;
  #bytes = 0;

  constructor(client: GmailClient, params: EmailTriggerParams, source: GmailSource, { baselineAt, lastDate }: GmailCursor) {
    this.#client = client;
    this.#params = params;
    this.#source = source;
    this.#baselineMs = Math.floor(Date.parse(baselineAt) / 1_000) * 1_000;
    this.#lastMs = Date.parse(lastDate);
  }

  /** Takes messages, all or none of them; false when the look has enough bytes already. */
  async addAll(ids: readonly string[]): Promise<boolean> {
    if (this.#bytes >= LOOK_BYTES_MAX) return false;
    for (const id of ids) {
      if (this.#ids.has(id)) continue;
      this.#ids.add(id);
      await this.#add(id);
    }
    return true;
  }

  lastDate(): string {
    return new Date(this.#lastMs).toISOString();
  }

  result(): Pick<PollResult, "items" | "marks" | "parked"> {
    return { items: this.#items, marks: this.#marks, parked: this.#parked };
  }

  async #add(id: string): Promise<void> {
    const key = `gmail:${id}`;
    const message = await this.#client.message(id).catch((error: unknown) => {
      if (!(error instanceof NodeError) || error.code !== "RESPONSE_TOO_LARGE") throw error;
      this.#park(key, new Date(this.#lastMs), "DATA_TOO_LARGE", `The mail is larger than ${MAIL_BYTES_MAX} bytes.`, id, undefined);
      return undefined;
    });
    if (message === undefined) return;
    const { labels, receivedAt, source } = message;
    // Of another label it is no item of this source; before the baseline nothing is news, whatever a full sync finds.
    if (labels.some((label) => NEVER.has(label)) || !this.#source.labels.every((label) => labels.includes(label))) return;
    if (receivedAt.getTime() < this.#baselineMs) return;
    this.#bytes += source.byteLength;
    this.#lastMs = Math.max(this.#lastMs, receivedAt.getTime());
    if (!(await this.#matches(source))) {
      this.#marks.push({ key, occurredAt: receivedAt, reason: "FILTERED", detail: "It does not match the trigger's query." });
      return;
    }
    try {
      const options = { bodyBytesMax: this.#params.bodyBytesMax, withAttachments: this.#params.attachments === "reference" };
      this.#items.push({ key, occurredAt: receivedAt, input: await parseMail({ provider: "gmail", uid: id, receivedAt, source }, options) });
    } catch (error) {
      if (!(error instanceof NodeError) || error.code !== "DATA_UNREADABLE") throw error;
      this.#park(key, receivedAt, "DATA_UNREADABLE", error.message, id, source.subarray(0, RAW_BYTES));
    }
  }

  /** Only Gmail knows its search language: it is asked for this mail together with the query. */
  async #matches(source: Buffer): Promise<boolean> {
    const { query, labels } = this.#source;
    if (query === undefined) return true;
    const messageId = /^<([^\s<>"]+)>$/.exec(readHead(source).get("message-id")?.[0] ?? "")?.[1];
    if (messageId === undefined) return false;
    return (await this.#client.list(`(${query}) rfc822msgid:${messageId}`, labels, 1)).ids.length > 0;
  }

  #park(key: string, occurredAt: Date, code: "DATA_TOO_LARGE" | "DATA_UNREADABLE", message: string, id: string, raw: Uint8Array | undefined): void {
    this.#parked.push({ key, occurredAt, code, message, reference: `message ${id} of Gmail`, raw });
  }
}

import { createHash } from "node:crypto";
import type { Json } from "@fluxo/core/json";
import { rssParamsSchema } from "@fluxo/nodes/trigger-rss/definition";
import type { ClaimedTrigger } from "@fluxo/prisma/dispatch/claim";
import type { ParkedItem, SeenItem } from "@fluxo/prisma/dispatch/commit";
import type { Logger } from "@fluxo/runtime/logger";
import { intervalMsOf, readParams } from "../polling/read-params.ts";
import type { PollContext, PolledSource, PollResult } from "../polling/source.ts";
import { findNovelty, readCursor, type RssCursor } from "./cursor.ts";
import { decodeFeed } from "./decode-feed.ts";
import type { FeedAnswer } from "./fetch-feed.ts";
import { parseFeed, type FeedItem } from "./parse-feed.ts";
import type { SharedFeeds } from "./shared-feeds.ts";

/** Looks at one time. */
const LOOKS_PER_HOST = 2;
const LOOKS_PER_TENANT = 10;
/** An answer is shared for half an interval, and no longer than this. */
const FRESH_MS_MAX = 300_000;

/** RSS and Atom. An item is known by its identifier, else its link, else its text. */
export class RssSource implements PolledSource {
  readonly kind = "rss";
  readonly #feeds: Pick<SharedFeeds, "get">;
  readonly #logger: Logger;

  constructor(feeds: Pick<SharedFeeds, "get">, logger: Logger) {
    this.#feeds = feeds;
    this.#logger = logger;
  }

  intervalMs(config: Json): number {
    return intervalMsOf(rssParamsSchema, config);
  }

  limits({ config, tenantId }: ClaimedTrigger): { key: string; max: number }[] {
    const parsed = rssParamsSchema.safeParse(config);
    const host = parsed.success ? [{ key: `host:${new URL(parsed.data.url).host.slice(0, 255)}`, max: LOOKS_PER_HOST }] : [];
    return [...host, { key: `rss-tenant:${tenantId}`, max: LOOKS_PER_TENANT }];
  }

  async poll(claimed: ClaimedTrigger, { signal, now }: PollContext): Promise<PollResult> {
    const { url, itemsMax } = readParams(rssParamsSchema, claimed.config);
    const cursor = readCursor(claimed.cursor);
    const freshMs = Math.min(Math.max(this.intervalMs(claimed.config), claimed.pollIntervalMsMin) / 2, FRESH_MS_MAX);
    const answer = await this.#feeds.get(url, cursor?.document ?? undefined, freshMs, signal);
    if (answer.url !== (cursor?.url ?? url)) this.#logger.info({ triggerId: claimed.triggerId, host: new URL(answer.url).host }, "a feed answers from another address");
    if (cursor !== undefined && (answer.document === undefined || answer.mark.contentHash === cursor.document?.contentHash)) return unchanged(cursor, answer);
    if (answer.document === undefined) throw new Error("A feed was left out although nobody knows it.");
    const items = await parseFeed({ text: decodeFeed(answer.document.body, answer.document.contentType), url: answer.url }, signal);
    return found(cursor, items, { watchedUrl: url, itemsMax, answer, now: now() });
  }
}

/** The same document; what HTTP says of it may be new. */
function unchanged(cursor: RssCursor, { mark, url, waitMs }: FeedAnswer): PollResult {
  return { cursor: { ...cursor, document: { ...mark }, url }, items: [], marks: [], parked: [], hasMore: false, waitMs };
}

interface Look {
  readonly watchedUrl: string;
  readonly itemsMax: number;
  readonly answer: FeedAnswer;
  readonly now: Date;
}

function found(cursor: RssCursor | undefined, entries: readonly FeedItem[], { watchedUrl, itemsMax, answer: { mark, url, waitMs }, now }: Look): PollResult {
  const { fresh, seen, hasMore } = findNovelty(cursor?.seen, entries, itemsMax, (entry) => (entry.kind === "item" ? entry.output.publishedAt : null));
  const items: SeenItem[] = [];
  const parked: ParkedItem[] = [];
  for (const entry of fresh) {
    const key = occurrenceKeyOf(watchedUrl, entry);
    if (entry.kind === "item") items.push({ key, occurredAt: now, input: entry.output });
    else parked.push({ key, occurredAt: now, code: entry.code, message: entry.message, reference: `${entry.title ?? "an item without a title"} in ${url}`, raw: Buffer.from(entry.raw) });
  }
  const last = fresh.findLast((entry) => entry.kind === "item")?.output;
  // Without the mark of the document the next look gets it again, and takes what is left in it.
  const next: RssCursor = { version: 1, lastItemGuid: last === undefined ? (cursor?.lastItemGuid ?? null) : (last.id ?? last.link), seen: [...seen], document: hasMore ? null : { ...mark }, url };
  return { cursor: next, items, marks: [], parked, hasMore, ...(hasMore ? {} : { waitMs }) };
}

/** Identifiers tell items of one feed apart; the trigger may have watched another one before. */
function occurrenceKeyOf(watchedUrl: string, { key }: FeedItem): string {
  return `${createHash("sha256").update(watchedUrl).digest("base64url").slice(0, 8)}:${key}`;
}

import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ErrorCode } from "@fluxo/core/errors/codes";
import type { RssItemOutput } from "@fluxo/nodes/trigger-rss/definition";
import Parser from "rss-parser";
import { splitFeed, unreadable, type RawItem } from "./split-feed.ts";
import { absolute, dateOf, enclosuresOf, firstText, linkOf, nodesOf, textsOf } from "./xml-nodes.ts";

/** One item of a feed. */
export type FeedItem = { readonly key: string } & (
  | { readonly kind: "item"; readonly output: RssItemOutput }
  | { readonly kind: "poison"; readonly code: ErrorCode; readonly message: string; readonly title: string | null; readonly raw: string }
);

/** Largest item, in characters. */
export const ITEM_LENGTH_MAX = 1_048_576;
const ITEMS_PER_TURN = 50;

/** Elements that are read. They get another name before rss-parser sees them, which would refuse a whole feed for one bad date, and whose extract of HTML takes quadratic time. */
const READ = [
  "title", "link", "guid", "id", "author", "dc:creator", "pubDate", "dc:date", "published", "updated", "description", "summary", "content", "content:encoded",
  "category", "dc:subject", "enclosure", "media:content",
] as const;
const PREFIX = "read:";
const READ_NAMES: ReadonlySet<string> = new Set(READ);

/** A feed as it was fetched. */
export interface FetchedFeed {
  readonly text: string;
  /** The address that answered. */
  readonly url: string;
}

/**
 * The items of a feed in the order of the document, each key once.
 * @throws NodeError DATA_UNREADABLE, DATA_TOO_LARGE; or the reason of the signal
 */
export async function parseFeed({ text, url }: FetchedFeed, signal: AbortSignal): Promise<FeedItem[]> {
  const { isAtom, head, items } = splitFeed(text);
  const parser = createParser();
  const feed = await parseHead(parser, head, url);
  const parsed = new Map<string, FeedItem>();
  for (const [index, raw] of items.entries()) {
    if (index % ITEMS_PER_TURN === ITEMS_PER_TURN - 1) await nextTurn();
    signal.throwIfAborted();
    const item = await parseItem(parser, raw, isAtom, feed);
    if (!parsed.has(item.key)) parsed.set(item.key, item);
  }
  return [...parsed.values()];
}

function createParser(): Parser {
  const fields = READ.map((name) => [`${PREFIX}${name}`, `${PREFIX}${name}`, { keepArray: true }]);
  // Its types do not know that feeds take the same forms as items.
  const customFields: object = { item: [...fields, ["$", "$", { keepArray: true }]], feed: fields };
  return new Parser({
    customFields,
    defaultRSS: 2,
    xml2js: { tagNameProcessors: [(name: string) => (READ_NAMES.has(name) ? `${PREFIX}${name}` : name)] },
  });
}

async function parseHead(parser: Parser, head: string, url: string): Promise<RssItemOutput["feed"]> {
  const feed = await parser.parseString(head).catch((error: unknown) => {
    throw unreadable(`The feed is no XML that can be read: ${messageOf(error)}`, error);
  });
  const read = fieldsOf(feed);
  return { title: firstText(read("title")), link: absolute(linkOf(read("link")), url), url };
}

async function parseItem(parser: Parser, raw: RawItem, isAtom: boolean, feed: RssItemOutput["feed"]): Promise<FeedItem> {
  if (raw.xml.length > ITEM_LENGTH_MAX) return poison(raw, "DATA_TOO_LARGE", `The item is longer than ${ITEM_LENGTH_MAX} characters.`);
  if (raw.isBroken) return poison(raw, "DATA_UNREADABLE", "The item is no well-formed XML.");
  const document = isAtom ? `<feed>${raw.xml}</feed>` : `<rss version="2.0"><channel>${raw.xml}</channel></rss>`;
  try {
    const [item] = (await parser.parseString(document)).items;
    const found = item === undefined ? undefined : itemOf(fieldsOf(item), feed);
    return found ?? poison(raw, "DATA_UNREADABLE", "The item has neither an identifier, a link nor a text.");
  } catch (error) {
    return poison(raw, "DATA_UNREADABLE", `The item is no XML that can be read: ${messageOf(error)}`);
  }
}

type Fields = (name: (typeof READ)[number] | "$") => readonly unknown[];

/** Access to the elements of a parsed feed or item by their own names. */
function fieldsOf(parsed: Readonly<Record<string, unknown>>): Fields {
  return (name) => nodesOf(parsed[name === "$" ? name : `${PREFIX}${name}`]);
}

/** Undefined when nothing tells it from others. */
function itemOf(read: Fields, feed: RssItemOutput["feed"]): FeedItem | undefined {
  const id = firstText(read("guid")) ?? firstText(read("id")) ?? aboutOf(read("$"));
  const link = absolute(linkOf(read("link")), feed.link ?? feed.url) ?? linkOfGuid(read("guid"));
  const summary = firstText(read("summary")) ?? firstText(read("description"));
  const output: RssItemOutput = {
    id,
    title: firstText(read("title")),
    link,
    author: firstText(read("author")) ?? firstText(read("dc:creator")),
    publishedAt: dateOf([...read("pubDate"), ...read("published"), ...read("dc:date"), ...read("updated")]),
    summary,
    content: firstText(read("content:encoded")) ?? firstText(read("content")) ?? summary,
    categories: [...new Set([...textsOf(read("category")), ...textsOf(read("dc:subject"))])],
    enclosures: enclosuresOf([...read("enclosure"), ...read("media:content")], read("link"), feed.url),
    feed,
  };
  const key = keyOf(output);
  return key === undefined ? undefined : { kind: "item", key, output };
}

/** By identifier, else link, else text. Dates do not count: some feeds have another one in every answer. */
function keyOf({ id, link, title, summary, content, enclosures }: RssItemOutput): string | undefined {
  if (id !== null) return hashOf(`guid\0${id}`);
  if (link !== null) return hashOf(`link\0${link}`);
  const texts = [title, summary, content, enclosures[0]?.url ?? null];
  return texts.every((text) => text === null) ? undefined : hashOf(`text\0${JSON.stringify(texts)}`);
}

function poison(raw: RawItem, code: ErrorCode, message: string): FeedItem {
  const title = /<title[^>]*>(?:<!\[CDATA\[)?([^<]{1,100})/.exec(raw.xml.slice(0, 10_000))?.[1]?.trim() ?? null;
  return { kind: "poison", key: hashOf(`raw\0${raw.xml}`), code, message, title, raw: raw.xml };
}

/** A `guid` is a link where it says so, or does not say that it is none, and looks like one. */
function linkOfGuid(ids: readonly unknown[]): string | null {
  const [guid] = ids;
  const attributes = typeof guid === "object" && guid !== null && "$" in guid ? guid.$ : undefined;
  const isPermanent = typeof attributes === "object" && attributes !== null && "isPermaLink" in attributes ? attributes.isPermaLink !== "false" : true;
  const text = firstText(ids);
  return isPermanent && text !== null && /^https?:\/\//i.test(text) && URL.canParse(text) ? text : null;
}

function aboutOf([attributes]: readonly unknown[]): string | null {
  return typeof attributes === "object" && attributes !== null && "rdf:about" in attributes ? firstText([attributes["rdf:about"]]) : null;
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? (error.message.split("\n")[0] ?? "") : "unknown";
}

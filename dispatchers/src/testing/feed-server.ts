import { createHash } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import iconv from "iconv-lite";

/** One feed of a feed server: what it answers now. Tests change it as they like. */
export interface ServedFeed {
  readonly path: string;
  readonly url: string;
  /** XML of its items, the newest first. */
  items: string[];
  /** Answered in place of the document. */
  body?: string | Buffer;
  status: number;
  headers: Record<string, string>;
  charset: string;
  isPacked: boolean;
  /** Whether it tells an ETag, and answers 304 to it. */
  hasEtag: boolean;
  delayMs: number;
  /** Requests so far, the oldest first. */
  readonly requests: { readonly headers: IncomingHttpHeaders; readonly status: number }[];
  /** Adds items before the others. */
  add(count: number): void;
}

export interface FeedServer {
  /** As FLUXO_ALLOWED_PRIVATE_HOSTS names it. */
  readonly host: string;
  /** A new feed without items. */
  feed(): ServedFeed;
  stop(): Promise<void>;
}

/** Starts a server of feeds on 127.0.0.1. */
export async function startFeedServer(): Promise<FeedServer> {
  const feeds = new Map<string, ServedFeed>();
  const server = createServer((request, response) => {
    const feed = feeds.get(request.url ?? "");
    if (feed === undefined) response.writeHead(404).end();
    else void answer(feed, request.headers, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("The server has no port.");
  const host = `127.0.0.1:${address.port}`;
  return {
    host,
    feed: () => {
      const feed = newFeed(host, `/feed-${feeds.size}.xml`);
      feeds.set(feed.path, feed);
      return feed;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function newFeed(host: string, path: string): ServedFeed {
  let count = 0;
  const feed: ServedFeed = {
    ...{ path, url: `http://${host}${path}`, items: [], status: 200, headers: {}, charset: "utf-8", isPacked: false, hasEtag: true, delayMs: 0, requests: [] },
    add: (added) => {
      for (let index = 0; index < added; index += 1) {
        count += 1;
        feed.items.unshift(itemXml(`${path}:${count}`));
      }
    },
  };
  return feed;
}

/** XML of an item with this guid. */
export function itemXml(guid: string, title = `Title of ${guid}`): string {
  return `<item><guid isPermaLink="false">${guid}</guid><title>${title}</title><link>https://news.example/${encodeURIComponent(guid)}</link><description>d</description></item>`;
}

async function answer(feed: ServedFeed, asked: IncomingHttpHeaders, response: ServerResponse): Promise<void> {
  const { charset, items } = feed;
  const xml = `<?xml version="1.0" encoding="${charset}"?><rss version="2.0"><channel><title>Новости</title><link>https://news.example/</link>${items.join("\n")}</channel></rss>`;
  const document = typeof feed.body === "string" ? Buffer.from(feed.body) : (feed.body ?? iconv.encode(xml, charset, { addBOM: charset.startsWith("utf-16") }));
  const etag = `"${createHash("sha256").update(document).digest("base64url")}"`;
  const isKnown = feed.hasEtag && feed.status === 200 && asked["if-none-match"] === etag;
  const status = isKnown ? 304 : feed.status;
  feed.requests.push({ headers: asked, status });
  if (feed.delayMs > 0) await sleep(feed.delayMs);
  const headers = { "content-type": "application/rss+xml", ...(feed.hasEtag ? { etag } : {}), ...(feed.isPacked ? { "content-encoding": "gzip" } : {}), ...feed.headers };
  response.writeHead(status, headers).end(isKnown ? undefined : feed.isPacked ? gzipSync(document) : document);
}

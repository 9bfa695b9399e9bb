import iconv from "iconv-lite";
import { expect, test } from "vitest";
import { decodeFeed } from "./decode-feed.ts";
import { ITEM_LENGTH_MAX, parseFeed, type FeedItem } from "./parse-feed.ts";
import { ITEMS_MAX } from "./split-feed.ts";

const URL_OF_FEED = "https://news.example/feed/index.xml";

function parse(text: string): Promise<FeedItem[]> {
  return parseFeed({ text, url: URL_OF_FEED }, new AbortController().signal);
}

const rss = (...items: readonly string[]): string => `<?xml version="1.0"?><rss version="2.0"><channel><title>News</title><link>https://news.example/</link><description>d</description>${items.join("")}</channel></rss>`;

async function outputs(text: string): Promise<Record<string, unknown>[]> {
  return (await parse(text)).map((item) => (item.kind === "item" ? item.output : { code: item.code }));
}

test("an item of RSS 2.0, with all that it can have", async () => {
  const [item] = await outputs(
    rss(`<item xmlns:dc="d"><guid isPermaLink="false">tag:1</guid><title>A &amp; B</title><link>https://news.example/1</link><dc:creator>Ann</dc:creator>
      <pubDate>Mon, 05 Jan 2026 09:00:00 +0100</pubDate><description><![CDATA[<p>short</p>]]></description><content:encoded><![CDATA[<p>long</p>]]></content:encoded>
      <category domain="x">one</category><category>two</category><category>one</category><enclosure url="/a.mp3" type="audio/mpeg" length="12"/></item>`),
  );
  expect(item).toEqual({
    id: "tag:1", title: "A & B", link: "https://news.example/1", author: "Ann", publishedAt: "2026-01-05T08:00:00.000Z", summary: "<p>short</p>", content: "<p>long</p>",
    categories: ["one", "two"], enclosures: [{ url: "https://news.example/a.mp3", type: "audio/mpeg", bytes: 12 }],
    feed: { title: "News", link: "https://news.example/", url: URL_OF_FEED },
  });
});

test("an entry of Atom, with XHTML, links without rel, and its author's name", async () => {
  const [item] = await outputs(
    `<feed xmlns="http://www.w3.org/2005/Atom"><title type="html">F</title><link rel="self" href="self"/><link href="/home"/>
     <entry><id>urn:1</id><title>T</title><link rel="enclosure" href="b.png" type="image/png"/><link href="/1"/><author><name>Bo</name></author><updated>2026-02-01T00:00:00Z</updated>
     <category term="t" label="Label"/><content type="xhtml"><div>one <b>two</b> three &amp; <![CDATA[four]]></div></content></entry></feed>`,
  );
  expect(item).toMatchObject({
    id: "urn:1", link: "https://news.example/1", author: "Bo", publishedAt: "2026-02-01T00:00:00.000Z", summary: null, categories: ["Label"],
    content: "<div>one <b>two</b> three &amp; <![CDATA[four]]></div>", enclosures: [{ url: "https://news.example/feed/b.png", type: "image/png", bytes: null }],
    feed: { title: "F", link: "https://news.example/home" },
  });
});

test("RSS 1.0 and 0.91, and RSS without a version", async () => {
  expect(await outputs(`<rdf:RDF><channel rdf:about="c"><title>R</title></channel><item rdf:about="https://x.example/1"><title>a</title></item></rdf:RDF>`)).toMatchObject([{ id: "https://x.example/1", title: "a", feed: { title: "R" } }]);
  for (const version of [` version="0.91"`, ""]) {
    expect(await outputs(`<rss${version}><channel><title>R</title><item><title>a</title><link>https://x.example/a</link></item></channel></rss>`)).toMatchObject([{ id: null, title: "a", link: "https://x.example/a" }]);
  }
});

test("an item is known by its guid, else its link, else its text; dates and edits do not count", async () => {
  const keys = async (item: string): Promise<string | undefined> => (await parse(rss(item)))[0]?.key;
  expect(await keys("<item><guid>1</guid><title>a</title></item>")).toBe(await keys("<item><title>b</title><guid> 1 </guid><link>https://l.example</link></item>"));
  expect(await keys("<item><link>https://l.example/1</link><title>a</title></item>")).toBe(await keys("<item><link>https://l.example/1</link><title>b</title></item>"));
  expect(await keys("<item><title>a</title><pubDate>x</pubDate></item>")).toBe(await keys("<item><title>a</title><pubDate>Mon, 05 Jan 2026 09:00:00 GMT</pubDate></item>"));
  const different = await Promise.all(["<item><guid>a</guid></item>", "<item><title>a</title></item>", "<item><title>b</title></item>", "<item><link>https://l.example/a</link></item>"].map(keys));
  expect(new Set(different).size).toBe(4);
});

test("dates that cannot be read, HTML entities and stray ampersands cost no item", async () => {
  expect(await outputs(rss(`<item><guid>1</guid><title>R&D &nbsp;& co</title><pubDate>yesterday</pubDate></item>`))).toMatchObject([{ id: "1", title: "R&D &nbsp;& co", publishedAt: null }]);
  expect(await outputs(`<feed xmlns="a"><entry><id>1</id><published>soon</published><updated>2026-01-01T00:00:00Z</updated><link>plain</link></entry></feed>`)).toMatchObject([{ id: "1", publishedAt: "2026-01-01T00:00:00.000Z", link: "https://news.example/feed/plain" }]);
});

test.each([
  ["an element that is not closed", "<item><guid>2</guid><title>bad<b></title></item>"],
  ["a quote that is not closed", `<item><guid>2</guid><title a="x></title></item>`],
  ["an item in an item", "<item><title>bad"],
  ["nothing at all", "<item><pubDate>x</pubDate></item>"],
  ["a text instead of elements", "<item>words</item>"],
  ["an entity that is no character", "<item><guid>2</guid><title>&#x1FFFFF;</title></item>"],
  ["XHTML that is not closed", `<item><title type="xhtml"><b>x</b></item>`],
])("%s is poison, and the items around it are not", async (_, bad) => {
  const items = await parse(rss("<item><guid>1</guid></item>", bad, "<item><guid>3</guid></item>"));
  expect(items.map(({ kind }) => kind)).toEqual(["item", "poison", "item"]);
  expect(items[1]).toMatchObject({ code: "DATA_UNREADABLE" });
});

test("an item that is too long is poison", async () => {
  expect(await parse(rss("<item><guid>1</guid></item>", `<item><title>${"x".repeat(ITEM_LENGTH_MAX)}</title></item>`))).toMatchObject([{ kind: "item" }, { kind: "poison", code: "DATA_TOO_LARGE" }]);
});

test.each([
  ["entity bomb", `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>${rss("<item><title>&b;</title></item>")}`, "DATA_UNREADABLE"],
  ["external entity", `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>${rss("<item><title>&a;</title></item>")}`, "DATA_UNREADABLE"],
  ["lower-case doctype in the middle", `<rss version="2.0"><channel><!doctype a></channel></rss>`, "DATA_UNREADABLE"],
  ["page of HTML", "<html><body>log in first</body></html>", "DATA_UNREADABLE"],
  ["text", "not found", "DATA_UNREADABLE"],
  ["nothing", "", "DATA_UNREADABLE"],
  ["feed that is cut off in an item", rss("<item><guid>1</guid></item>").slice(0, -30), "DATA_UNREADABLE"],
  ["feed that is cut off between items", `<rss version="2.0"><channel><item><guid>1</guid></item>`, "DATA_UNREADABLE"],
  ["feed of great depth", `<rss version="2.0"><channel>${"<a>".repeat(100)}`, "DATA_TOO_LARGE"],
  ["feed of many items", rss("<item/>".repeat(ITEMS_MAX + 1)), "DATA_TOO_LARGE"],
])("a %s is refused", async (_, text, code) => {
  await expect(parse(text)).rejects.toMatchObject({ name: "NodeError", code });
});

test("what takes others quadratic time takes no time here", async () => {
  const begunMs = performance.now();
  await parse(rss(`<item><guid>1</guid><description><![CDATA[${"<h".repeat(400_000)}]]></description></item>`));
  await parse(rss(...Array.from({ length: 20_000 }, () => `<title type="xhtml">`))).catch(() => undefined);
  await parse(`<feed>${`<entry><content type="xhtml">`.repeat(4_000)}</entry></feed>`).catch(() => undefined);
  await parse(rss(`<item>${"&".repeat(900_000)}</item>`));
  expect(performance.now() - begunMs).toBeLessThan(5_000);
});

test("charsets: by mark, by Content-Type, by declaration, by the look of it", () => {
  const declared = (charset: string): string => `<?xml version="1.0" encoding="${charset}"?><rss>Новости</rss>`;
  expect(decodeFeed(iconv.encode(declared("windows-1251"), "windows-1251"), "application/rss+xml")).toContain("Новости");
  expect(decodeFeed(iconv.encode(declared("utf-8"), "koi8-r"), `text/xml; charset="KOI8-R"`)).toContain("Новости");
  expect(decodeFeed(iconv.encode(declared("x"), "utf-16le", { addBOM: true }), "text/xml; charset=utf-8")).toContain("Новости");
  expect(decodeFeed(iconv.encode(declared("utf-16"), "utf-16be"), undefined)).toContain("Новости");
  expect(decodeFeed(Buffer.from("\uFEFF<rss>é\0</rss>"), undefined)).toBe("<rss>é</rss>");
  expect(() => decodeFeed(Buffer.from(declared("x-unknown")), undefined)).toThrow("x-unknown");
});

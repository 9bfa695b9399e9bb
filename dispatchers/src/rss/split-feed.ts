import { NodeError } from "@fluxo/core/errors/node-error";

/** One item as the document has it. */
export interface RawItem {
  /** Well-formed unless `isBroken`: without comments, with lone ampersands as text, XHTML as CDATA. */
  readonly xml: string;
  /** It is not XML that can be read; the items around it are. */
  readonly isBroken: boolean;
}

/** A feed taken apart, so that an item that cannot be read does not take the others with it. */
export interface SplitFeed {
  readonly isAtom: boolean;
  /** The document without its items. */
  readonly head: string;
  /** In the order of the document. */
  readonly items: readonly RawItem[];
}

/** Most items of a document. */
export const ITEMS_MAX = 5_000;
/** Most elements inside of each other. */
const DEPTH_MAX = 64;

const LONE_AMPERSAND = /&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[\da-f]{1,6});)/gi;
const TAG_NAME = /^<\/?([^\s/>]+)/;
const XHTML_TYPE = /\stype\s*=\s*["'](?:xhtml|application\/xhtml\+xml)["']/i;
const TEXT_CONSTRUCTS: ReadonlySet<string> = new Set(["content", "summary", "title"]);
const ROOTS: ReadonlySet<string> = new Set(["rss", "feed", "rdf:RDF"]);

/**
 * Takes a feed apart in one pass over its text, with a bound on its nesting. Declarations are refused, so there are no entities but XML's own.
 * @throws NodeError DATA_UNREADABLE (no feed, cut off, with a DOCTYPE), DATA_TOO_LARGE (too deep, too many items)
 */
export function splitFeed(xml: string): SplitFeed {
  return new Splitter(xml).split();
}

class Splitter {
  readonly #xml: string;
  readonly #head: string[] = [];
  readonly #items: RawItem[] = [];
  #root: string | undefined;
  #at = 0;
  #depth = 0;
  /** The item that is open. */
  #item: { readonly parts: string[]; readonly depth: number; isBroken: boolean } | undefined;

  constructor(xml: string) {
    this.#xml = xml;
  }

  split(): SplitFeed {
    for (;;) {
      const open = this.#xml.indexOf("<", this.#at);
      this.#add(this.#xml.slice(this.#at, open < 0 ? this.#xml.length : open).replaceAll(LONE_AMPERSAND, "&amp;"));
      if (open < 0) break;
      this.#at = open;
      this.#markup(open);
    }
    if (this.#root === undefined) throw unreadable("It is no feed: there is neither an rss, a feed nor an rdf:RDF element.");
    if (this.#item !== undefined) throw unreadable("The feed is cut off in the middle of an item.");
    return { isAtom: this.#root === "feed", head: this.#head.join(""), items: this.#items };
  }

  #markup(open: number): void {
    const xml = this.#xml;
    if (xml.startsWith("<!--", open)) this.#skipTo("-->", open + 4);
    else if (xml.startsWith("<![CDATA[", open)) this.#add(xml.slice(open, this.#skipTo("]]>", open + 9)));
    else if (xml.startsWith("<?", open)) this.#skipTo("?>", open + 2);
    else if (xml.startsWith("<!", open)) throw unreadable("The feed has a DOCTYPE or another declaration, which is refused.");
    else this.#tag(open);
  }

  #tag(open: number): void {
    const end = tagEnd(this.#xml, open);
    const name = end === undefined ? undefined : TAG_NAME.exec(this.#xml.slice(open, Math.min(end, open + 200)))?.[1];
    if (end === undefined || name === undefined) {
      this.#break("&lt;");
      this.#at = open + 1;
      return;
    }
    this.#at = end;
    const tag = this.#xml.slice(open, end).replaceAll(LONE_AMPERSAND, "&amp;");
    if (tag.startsWith("</")) this.#close(name, tag);
    else this.#open(name, tag);
  }

  #open(name: string, tag: string): void {
    this.#root ??= this.#rootOf(name);
    if (name === this.#itemName()) this.#openItem();
    this.#add(tag);
    if (tag.endsWith("/>")) {
      if (name === this.#itemName()) this.#closeItem();
      return;
    }
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) throw tooLarge(`The feed has more than ${DEPTH_MAX} elements inside of each other.`);
    if (this.#item !== undefined && TEXT_CONSTRUCTS.has(name) && XHTML_TYPE.test(tag)) this.#addXhtml(name);
  }

  #close(name: string, tag: string): void {
    this.#add(tag);
    this.#depth = Math.max(0, this.#depth - 1);
    if (name === this.#itemName() && this.#item !== undefined) this.#closeItem();
  }

  #openItem(): void {
    if (this.#item !== undefined) {
      this.#item.isBroken = true;
      this.#closeItem();
    }
    if (this.#items.length >= ITEMS_MAX) throw tooLarge(`The feed has more than ${ITEMS_MAX} items.`);
    this.#item = { parts: [], depth: this.#depth, isBroken: false };
  }

  #closeItem(): void {
    if (this.#item === undefined) return;
    const { parts, depth, isBroken } = this.#item;
    this.#items.push({ xml: parts.join(""), isBroken: isBroken || this.#depth !== depth });
    this.#depth = depth;
    this.#item = undefined;
  }

  /** Markup of a text construct, as one text: a parser would lose the order of its elements and texts. */
  #addXhtml(name: string): void {
    const end = this.#xml.indexOf(`</${name}`, this.#at);
    const markup = end < 0 ? undefined : this.#xml.slice(this.#at, end);
    if (markup === undefined || markup.includes("</entry")) {
      this.#break("");
      return;
    }
    this.#add(`<![CDATA[${markup.trim().replaceAll("]]>", "]]]]><![CDATA[>")}]]>`);
    this.#at = end;
  }

  /** What is wrong in an item is the item's; around it, it is the feed's. */
  #break(text: string): void {
    if (this.#item === undefined) throw unreadable("The feed is no well-formed XML.");
    this.#item.isBroken = true;
    this.#add(text);
  }

  #add(text: string): void {
    (this.#item?.parts ?? this.#head).push(text);
  }

  #skipTo(mark: string, from: number): number {
    const found = this.#xml.indexOf(mark, from);
    if (found < 0) throw unreadable("The feed is cut off.");
    this.#at = found + mark.length;
    return this.#at;
  }

  #rootOf(name: string): string {
    if (!ROOTS.has(name)) throw unreadable("It is no feed: it begins with neither an rss, a feed nor an rdf:RDF element.");
    return name;
  }

  #itemName(): string {
    return this.#root === "feed" ? "entry" : "item";
  }
}

/** Where a tag ends, behind its `>`; undefined when another one begins in it, which XML never allows. */
function tagEnd(xml: string, open: number): number | undefined {
  let quote: string | undefined;
  for (let at = open + 1; at < xml.length; at += 1) {
    const char = xml[at];
    if (char === "<") return undefined;
    if (quote !== undefined) {
      if (char === quote) quote = undefined;
    } else if (char === '"' || char === "'") quote = char;
    else if (char === ">") return at + 1;
  }
  return undefined;
}

/** The document is no feed that can be read. */
export function unreadable(message: string, cause?: unknown): NodeError {
  return new NodeError(message, { errorClass: "DATA", code: "DATA_UNREADABLE", ...(cause === undefined ? {} : { cause }) });
}

function tooLarge(message: string): NodeError {
  return new NodeError(message, { errorClass: "DATA", code: "DATA_TOO_LARGE" });
}

import type { RssItemOutput } from "@fluxo/nodes/trigger-rss/definition";

/** What xml2js makes of elements: a text, or an object with its text under `_`, its attributes under `$` and its children as arrays. */
export function nodesOf(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

/** The first text that is not empty: of the elements, or of a `name` in them (Atom's authors). */
export function firstText(nodes: readonly unknown[]): string | null {
  for (const node of nodes) {
    const text = textOf(node);
    if (text !== null) return text;
  }
  return null;
}

/** Every text that is not empty; a category of Atom has its own in `term`. */
export function textsOf(nodes: readonly unknown[]): string[] {
  return nodes.flatMap((node) => {
    const text = attributeOf(node, "label") ?? attributeOf(node, "term") ?? textOf(node);
    return text === null ? [] : [text];
  });
}

/** The address of an item or feed: the text of RSS, or Atom's `alternate`. */
export function linkOf(links: readonly unknown[]): string | null {
  const plain = links.find((link) => attributeOf(link, "href") === null);
  const alternate = links.find((link) => (attributeOf(link, "rel") ?? "alternate") === "alternate" && attributeOf(link, "href") !== null);
  return (plain === undefined ? null : textOf(plain)) ?? (alternate === undefined ? null : attributeOf(alternate, "href"));
}

/** An address made absolute; null when it is none, or not of the web. */
export function absolute(address: string | null, base: string): string | null {
  const url = address === null ? null : URL.parse(address, base);
  return url === null || (url.protocol !== "http:" && url.protocol !== "https:") ? null : url.href;
}

/** The first date that can be read, in ISO 8601. */
export function dateOf(nodes: readonly unknown[]): string | null {
  for (const node of nodes) {
    const date = new Date(textOf(node) ?? "");
    if (!Number.isNaN(date.getTime())) return date.toISOString();
  }
  return null;
}

/** Attached media: `enclosure`, `media:content`, and Atom's links with `rel="enclosure"`; each address once. */
export function enclosuresOf(nodes: readonly unknown[], links: readonly unknown[], base: string): RssItemOutput["enclosures"] {
  const attached = [...nodes, ...links.filter((link) => attributeOf(link, "rel") === "enclosure")];
  const found = new Map<string, RssItemOutput["enclosures"][number]>();
  for (const node of attached) {
    const url = absolute(attributeOf(node, "url") ?? attributeOf(node, "href"), base);
    const bytes = Number(attributeOf(node, "length") ?? attributeOf(node, "fileSize") ?? Number.NaN);
    if (url !== null && !found.has(url)) found.set(url, { url, type: attributeOf(node, "type"), bytes: Number.isSafeInteger(bytes) && bytes >= 0 ? bytes : null });
  }
  return [...found.values()];
}

function textOf(node: unknown): string | null {
  if (typeof node === "string") return node.trim() === "" ? null : node.trim();
  if (typeof node !== "object" || node === null) return null;
  if ("_" in node && typeof node._ === "string") return node._.trim() === "" ? null : node._.trim();
  if ("name" in node && Array.isArray(node.name) && typeof node.name[0] === "string") return textOf(node.name[0]);
  return null;
}

function attributeOf(node: unknown, name: string): string | null {
  if (typeof node !== "object" || node === null || !("$" in node)) return null;
  const attributes: unknown = node.$;
  if (typeof attributes !== "object" || attributes === null || !(name in attributes)) return null;
  const value: unknown = Object.entries(attributes).find(([key]) => key === name)?.[1];
  return typeof value === "string" && value.trim() !== "" ? value.trim() : null;
}

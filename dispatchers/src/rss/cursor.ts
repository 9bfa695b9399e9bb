import type { Json } from "@fluxo/core/json";
import { z } from "zod";

const cursorSchema = z.object({
  version: z.literal(1),
  /** The identifier of the item that was emitted last, for people who look. */
  lastItemGuid: z.string().nullable(),
  /** Keys of items that were there, those that are there now last. */
  seen: z.array(z.string()),
  /** What the document was by its ETag, Last-Modified and hash; null until all of its items are done. */
  document: z.object({ etag: z.string().nullable(), lastModified: z.string().nullable(), contentHash: z.string() }).nullable(),
  /** The address that answered. */
  url: z.string(),
});

/** Where a feed stands. */
export type RssCursor = z.output<typeof cursorSchema>;

/** A feed's document as HTTP names it. */
export type DocumentMark = NonNullable<RssCursor["document"]>;

/** Keys that are kept at least; all of the feed's own are kept in any case. */
export const SEEN_MIN = 2_000;

/** Undefined before the baseline. @throws ZodError when it is no cursor of this kind */
export function readCursor(cursor: Json): RssCursor | undefined {
  return cursor === null ? undefined : cursorSchema.parse(cursor);
}

/** What is new in a feed, and the keys to remember. */
export interface Novelty<T> {
  /** Oldest first. */
  readonly fresh: readonly T[];
  readonly seen: readonly string[];
  /** There are more than were taken. */
  readonly hasMore: boolean;
}

/**
 * Compares a feed with the keys that were seen. Takes at most `max` new items; the others stay unseen (I3). Keys of the feed itself are never
 * forgotten, so that a feed of any size emits nothing twice; of those that have left it the latest are kept.
 * @param seen undefined for the baseline, which takes note of everything and emits nothing
 * @param entries in the order of the document, each key once
 */
export function findNovelty<T extends { readonly key: string }>(seen: readonly string[] | undefined, entries: readonly T[], max: number, publishedAt: (entry: T) => string | null): Novelty<T> {
  const known = new Set(seen);
  const unseen = seen === undefined ? [] : oldestFirst(entries.filter(({ key }) => !known.has(key)), publishedAt);
  const fresh = unseen.slice(0, max);
  const left = new Set(unseen.slice(max).map(({ key }) => key));
  const present = entries.map(({ key }) => key).filter((key) => !left.has(key));
  const isPresent = new Set(present);
  const gone = (seen ?? []).filter((key) => !isPresent.has(key));
  return { fresh, seen: [...gone.slice(Math.max(0, gone.length + present.length - Math.max(SEEN_MIN, entries.length))), ...present], hasMore: left.size > 0 };
}

/** By date where every item has one, else the document from its end: feeds put the newest item first. */
function oldestFirst<T>(entries: readonly T[], publishedAt: (entry: T) => string | null): readonly T[] {
  const dated = entries.toReversed().map((entry) => ({ entry, at: publishedAt(entry) }));
  if (dated.some(({ at }) => at === null)) return dated.map(({ entry }) => entry);
  return dated.toSorted((a, b) => Date.parse(a.at ?? "") - Date.parse(b.at ?? "")).map(({ entry }) => entry);
}

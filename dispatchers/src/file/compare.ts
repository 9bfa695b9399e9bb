import type { Json } from "@fluxo/core/json";
import type { FileTriggerParams } from "@fluxo/nodes/trigger-file/definition";
import type { PollResult } from "../polling/source.ts";
import { takePage } from "./contents.ts";
import type { CopyContents } from "./copy-contents.ts";
import { applyChange, differences, type Change, type Facts, type SeenFile } from "./diff.ts";
import { isSettled } from "./is-settled.ts";
import { itemOf, parkedOf } from "./items.ts";
import type { FilePlace, Listing } from "./listing.ts";
import { entryOf, unreadableKey, type Told } from "./remembered.ts";

export interface Comparison {
  readonly told: Told;
  readonly listing: Listing;
  readonly place: FilePlace;
  readonly params: FileTriggerParams;
  readonly copies: CopyContents;
  readonly cursor: Json;
  readonly now: Date;
  /** Tells how long reading takes. */
  readonly time: () => Date;
  readonly signal: AbortSignal;
}

/** Bytes that one look reads for hashes; at least one file is read. */
const HASHED_BYTES_MAX = 536_870_912;
const SOON_MS_MIN = 1_000;

/** What one look tells: at most a page of changes, and what is to be remembered of exactly these. */
export async function compare(comparison: Comparison): Promise<PollResult> {
  const { told, listing, params, cursor, now } = comparison;
  const seen = new Map<string, SeenFile>([...listing.files].map(([path, facts]) => [path, { facts, isSettled: isSettled(path, facts, listing, params, now) }]));
  const isCut = await addHashes(comparison, seen);
  const { changes, refreshed, isWaiting } = differences(told.files, seen);
  const isWanted = ({ event }: Change): boolean => params.events.includes(event);
  const wanted = changes.filter(isWanted);
  const page = await takePage(comparison, wanted);
  const poison = unreadableOf(comparison);
  const changed = remember([...page.taken.map(({ change }) => change), ...changes.filter((change) => !isWanted(change))]);
  return {
    cursor,
    items: page.taken.map((told) => itemOf(told, params.source.kind, now)),
    marks: [],
    parked: poison.parked,
    hasMore: isCut || page.isCut || poison.hasMore,
    ...((isWaiting || page.isWaiting) && params.stability.mode === "size" ? { soonMs: Math.max(params.stability.quietMs, SOON_MS_MIN) } : {}),
    entries: {
      isAnew: false,
      dropped: [...changed.dropped, ...poison.dropped],
      kept: [...changed.kept.map(([path, facts]) => entryOf(path, facts)), ...refreshed.map(({ path, facts }) => entryOf(path, facts)), ...poison.kept],
    },
  };
}

/** Reads the content of what may be told, a page of it; the rest waits. @returns whether there is a rest */
async function addHashes({ told, place, params, signal }: Comparison, seen: Map<string, SeenFile>): Promise<boolean> {
  if (place.hash === undefined || params.hash === "none") return false;
  const candidates = differences(told.files, seen).changes.filter(({ event }) => event === "added" || event === "changed");
  let files = 0;
  let bytes = 0;
  for (const { path, facts } of candidates) {
    signal.throwIfAborted();
    const isInPage = files < params.itemsMax && (files === 0 || bytes + facts.size <= HASHED_BYTES_MAX);
    const hash = isInPage ? await place.hash(path, facts) : undefined;
    seen.set(path, { facts: hash === undefined || hash === "" ? facts : { ...facts, hash }, isSettled: hash !== undefined });
    if (!isInPage) continue;
    files += 1;
    bytes += facts.size;
  }
  return files < candidates.length;
}

function remember(changes: readonly Change[]): { readonly kept: readonly [string, Facts][]; readonly dropped: readonly string[] } {
  const after = new Map<string, Facts>();
  for (const change of changes) applyChange(after, change);
  const dropped = changes.flatMap(({ event, path, previousPath }) => [...(event === "removed" ? [path] : []), ...(previousPath === undefined ? [] : [previousPath])]);
  return { kept: [...after], dropped };
}

function unreadableOf({ told, listing, params, now }: Comparison): Pick<PollResult, "parked" | "hasMore"> & { readonly kept: { key: string; value: Json }[]; readonly dropped: string[] } {
  const there = new Map(listing.unreadable.map((name) => [unreadableKey(name), name]));
  const fresh = [...there].filter(([key]) => !told.unreadable.has(key));
  const page = fresh.slice(0, params.itemsMax);
  return {
    parked: page.map(([, name]) => parkedOf(name, now)),
    hasMore: fresh.length > page.length,
    kept: page.map(([key]) => ({ key, value: true })),
    dropped: [...told.unreadable].filter((key) => !there.has(key)),
  };
}

import type { FileEvent } from "@fluxo/nodes/trigger-file/definition";

/** What tells one state of a file from another. Times are nanoseconds since 1970 as text; inode and ctime are empty where the source has none. */
export interface Facts {
  readonly size: number;
  readonly mtime: string;
  readonly inode: string;
  /** When anything about the file changed; nobody can set it. */
  readonly ctime: string;
  /** Of the content: SHA-256, or an object's entity tag. */
  readonly hash?: string;
}

/** A file as a look finds it. */
export interface SeenFile {
  readonly facts: Facts;
  /** Whether it is complete; what is not yet waits. */
  readonly isSettled: boolean;
}

/** One difference between what was told and what is there. */
export interface Change {
  readonly event: FileEvent;
  readonly path: string;
  /** Of `renamed`. */
  readonly previousPath?: string;
  /** Of `removed`: the last that was known. */
  readonly facts: Facts;
}

export interface Differences {
  /** By time of the content, then path; what is removed comes last. Their paths are all different. */
  readonly changes: readonly Change[];
  /** Told files whose facts are others now, but whose content is not. */
  readonly refreshed: readonly { readonly path: string; readonly facts: Facts }[];
  /** Whether something waits until it is complete. */
  readonly isWaiting: boolean;
}

/**
 * What happened between two states: applied to what was told (see `applyChange`), the changes and the refreshed facts give what is there, but for files that
 * are not complete, which stay as they were told. Any part of the changes may be applied; the rest comes with the next comparison.
 */
export function differences(told: ReadonlyMap<string, Facts>, seen: ReadonlyMap<string, SeenFile>): Differences {
  const gone = [...told].filter(([path]) => !seen.has(path)).toSorted(byPath);
  const fresh = [...seen].filter(([path]) => !told.has(path)).toSorted(byPath);
  const known = compareKnown(told, seen);
  const { renames, left, waiting } = pairRenames(gone, fresh);
  const added = left.filter(([, { isSettled }]) => isSettled).map(([path, { facts }]): Change => ({ event: "added", path, facts }));
  const from = new Set(renames.map(({ previousPath }) => previousPath));
  const stay = gone.filter(([path]) => !from.has(path));
  // Its new name may be among the files whose content is not known yet.
  const sizes = new Set(waiting.map(({ facts }) => facts.size));
  const removed = stay.filter(([, { hash, size }]) => hash === undefined || !sizes.has(size)).map(([path, facts]): Change => ({ event: "removed", path, facts }));
  return {
    changes: [...[...added, ...known.changed, ...renames].toSorted(byTime), ...removed],
    refreshed: known.refreshed,
    isWaiting: known.isWaiting || waiting.length > 0,
  };
}

/** What is told after a change was. */
export function applyChange(told: Map<string, Facts>, { event, path, previousPath, facts }: Change): void {
  if (event === "removed") told.delete(path);
  else told.set(path, facts);
  if (previousPath !== undefined) told.delete(previousPath);
}

function compareKnown(told: ReadonlyMap<string, Facts>, seen: ReadonlyMap<string, SeenFile>): { changed: Change[]; refreshed: { path: string; facts: Facts }[]; isWaiting: boolean } {
  const changed: Change[] = [];
  const refreshed: { path: string; facts: Facts }[] = [];
  let isWaiting = false;
  for (const [path, before] of told) {
    const now = seen.get(path);
    if (now === undefined || isEqual(before, now.facts)) continue;
    if (isSameContent(before, now.facts)) refreshed.push({ path, facts: withHash(now.facts, before.hash) });
    else if (now.isSettled) changed.push({ event: "changed", path, facts: now.facts });
    else isWaiting = true;
  }
  return { changed, refreshed, isWaiting };
}

/** Pairs what is gone with what is new: by identity, which a file keeps even while it is written to; else by content, once that is known. */
function pairRenames(gone: readonly [string, Facts][], fresh: readonly [string, SeenFile][]): { renames: Change[]; left: [string, SeenFile][]; waiting: SeenFile[] } {
  const pool = new Map<string, [string, Facts][]>();
  for (const entry of gone.toReversed()) {
    for (const key of namesOf(entry[1])) {
      const known = pool.get(key);
      if (known === undefined) pool.set(key, [entry]);
      else known.push(entry);
    }
  }
  const taken = new Set<string>();
  const renames: Change[] = [];
  const left: [string, SeenFile][] = [];
  for (const [path, file] of fresh) {
    const partner = namesOf(file.facts).map((key) => firstFree(pool.get(key), taken)).find((entry) => entry !== undefined);
    if (partner === undefined) {
      left.push([path, file]);
      continue;
    }
    const [previousPath, { hash }] = partner;
    taken.add(previousPath);
    renames.push({ event: "renamed", path, previousPath, facts: withHash(file.facts, hash) });
  }
  return { renames, left, waiting: left.filter(([, { isSettled }]) => !isSettled).map(([, file]) => file) };
}

/** The last one that is not taken; drops those that are, so that each is looked at once. */
function firstFree(entries: [string, Facts][] | undefined, taken: ReadonlySet<string>): [string, Facts] | undefined {
  for (let last = entries?.at(-1); last !== undefined; last = entries?.at(-1)) {
    if (!taken.has(last[0])) return last;
    entries?.pop();
  }
  return undefined;
}

/** What two facts of one content have in common. */
function namesOf({ size, mtime, inode, hash }: Facts): string[] {
  return [...(inode === "" ? [] : [`inode ${inode} ${size} ${mtime}`]), ...(hash === undefined || size === 0 ? [] : [`hash ${hash} ${size}`])];
}

function isEqual(before: Facts, now: Facts): boolean {
  return before.size === now.size && before.mtime === now.mtime && before.inode === now.inode && before.ctime === now.ctime && (now.hash === undefined || before.hash === now.hash);
}

/** Another inode with the old times is a file system that was mounted anew; with a new ctime it is another file in the old one's place. */
function isSameContent(before: Facts, now: Facts): boolean {
  if (before.size !== now.size) return false;
  if (before.hash !== undefined && now.hash !== undefined) return before.hash === now.hash;
  return before.mtime === now.mtime && (before.inode === now.inode || before.ctime === now.ctime);
}

function withHash(facts: Facts, hash: string | undefined): Facts {
  return facts.hash !== undefined || hash === undefined ? facts : { ...facts, hash };
}

function byPath([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

function byTime(a: Change, b: Change): number {
  const [first, second] = [BigInt(a.facts.mtime), BigInt(b.facts.mtime)];
  if (first !== second) return first < second ? -1 : 1;
  return a.path < b.path ? -1 : 1;
}

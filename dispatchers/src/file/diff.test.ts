import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applyChange, differences, type Facts, type SeenFile } from "./diff.ts";

const facts = (parts: Partial<Facts> = {}): Facts => ({ size: 1, mtime: "1", inode: "1", ctime: "1", ...parts });
const seen = (files: Readonly<Record<string, Facts>>, unsettled: readonly string[] = []): Map<string, SeenFile> =>
  new Map(Object.entries(files).map(([path, file]) => [path, { facts: file, isSettled: !unsettled.includes(path) }]));
const told = (files: Readonly<Record<string, Facts>>): Map<string, Facts> => new Map(Object.entries(files));
const events = (before: Readonly<Record<string, Facts>>, now: Map<string, SeenFile>): string[] =>
  differences(told(before), now).changes.map(({ event, path, previousPath }) => [event, ...(previousPath === undefined ? [] : [previousPath]), path].join(" "));

describe("one comparison", () => {
  test.each<[string, Readonly<Record<string, Facts>>, Map<string, SeenFile>, string[]]>([
    ["nothing", { a: facts() }, seen({ a: facts() }), []],
    ["an added file", {}, seen({ a: facts() }), ["added a"]],
    ["a removed file", { a: facts() }, seen({}), ["removed a"]],
    ["more content", { a: facts() }, seen({ a: facts({ size: 2, mtime: "2", ctime: "2" }) }), ["changed a"]],
    ["other content of the same size", { a: facts() }, seen({ a: facts({ mtime: "2", ctime: "2" }) }), ["changed a"]],
    ["another file in its place, with the old time set", { a: facts() }, seen({ a: facts({ inode: "2", ctime: "2" }) }), ["changed a"]],
    ["other rights", { a: facts() }, seen({ a: facts({ ctime: "2" }) }), []],
    ["a file system mounted anew", { a: facts() }, seen({ a: facts({ inode: "2" }) }), []],
    ["a touched file whose content is known", { a: facts({ hash: "h" }) }, seen({ a: facts({ mtime: "2", ctime: "2", hash: "h" }) }), []],
    ["content of the old time whose hash is another, as two objects of one second", { a: facts({ hash: "h" }) }, seen({ a: facts({ hash: "i" }) }), ["changed a"]],
    ["a rename", { a: facts() }, seen({ b: facts({ ctime: "2" }) }), ["renamed a b"]],
    ["a rename of a file that is being written to", { a: facts() }, seen({ b: facts({ ctime: "2" }) }, ["b"]), ["renamed a b"]],
    ["a rename to another file system, whose content is known", { a: facts({ hash: "h" }) }, seen({ b: facts({ inode: "9", mtime: "9", hash: "h" }) }), ["renamed a b"]],
    ["the same, before the content is known", { a: facts({ hash: "h" }) }, seen({ b: facts({ inode: "9", mtime: "9" }) }, ["b"]), []],
    ["two empty files of one hash, which are not each other", { a: facts({ size: 0, hash: "h" }) }, seen({ b: facts({ size: 0, inode: "2", hash: "h" }) }), ["added b", "removed a"]],
    ["a reused inode", { a: facts() }, seen({ b: facts({ size: 5, mtime: "7" }) }), ["added b", "removed a"]],
    ["a rename over another file", { a: facts(), b: facts({ inode: "2" }) }, seen({ b: facts({ ctime: "2" }) }), ["changed b", "removed a"]],
    ["a file that is being written", {}, seen({ a: facts() }, ["a"]), []],
    ["a known file that is being written to", { a: facts() }, seen({ a: facts({ size: 2 }) }, ["a"]), []],
    ["two copies of one file that is gone", { a: facts({ hash: "h" }) }, seen({ c: facts({ inode: "2", hash: "h" }), b: facts({ inode: "3", hash: "h" }) }), ["added c", "renamed a b"]],
  ])("%s", (_name, before, now, expected) => {
    expect(events(before, now).toSorted()).toEqual(expected.toSorted());
  });

  test("is in the order of the contents' times, with what is removed last", () => {
    const now = seen({ b: facts({ mtime: "9", inode: "2" }), c: facts({ mtime: "10", inode: "3" }), d: facts({ mtime: "9", inode: "4" }) });
    expect(events({ a: facts({ inode: "5", mtime: "5" }) }, now)).toEqual(["added b", "added d", "added c", "removed a"]);
  });
});

/** What people and programs do to a folder. */
type Step =
  | { readonly kind: "write"; readonly path: string; readonly size: number }
  | { readonly kind: "replace"; readonly path: string; readonly size: number }
  | { readonly kind: "remove"; readonly path: string }
  | { readonly kind: "move"; readonly path: string; readonly to: string }
  | { readonly kind: "touchRights"; readonly path: string }
  | { readonly kind: "look"; readonly most: number; readonly writing: readonly string[] };

const path = fc.constantFrom("a", "b", "c/d", "e");
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("write" as const), path, size: fc.nat(3) }),
  fc.record({ kind: fc.constant("replace" as const), path, size: fc.nat(3) }),
  fc.record({ kind: fc.constant("remove" as const), path }),
  fc.record({ kind: fc.constant("move" as const), path, to: path }),
  fc.record({ kind: fc.constant("touchRights" as const), path }),
  fc.record({ kind: fc.constant("look" as const), most: fc.integer({ min: 1, max: 3 }), writing: fc.uniqueArray(path, { maxLength: 2 }) }),
);

/** A folder as a file system keeps it: every step has a time of its own. */
class Disk {
  readonly files = new Map<string, Facts>();
  readonly #isHashed: boolean;
  #now = 0;

  constructor(isHashed: boolean) {
    this.#isHashed = isHashed;
  }

  do(action: Exclude<Step, { kind: "look" }>): void {
    this.#now += 1;
    const time = String(this.#now);
    const file = this.files.get(action.path);
    if (action.kind === "write" || action.kind === "replace") {
      const inode = action.kind === "write" && file !== undefined ? file.inode : `new ${time}`;
      this.files.set(action.path, { size: action.size, mtime: time, ctime: time, inode, ...(this.#isHashed ? { hash: `of ${action.size}` } : {}) });
    } else if (file !== undefined) {
      if (action.kind !== "touchRights") this.files.delete(action.path);
      if (action.kind !== "remove") this.files.set(action.kind === "move" ? action.to : action.path, { ...file, ctime: time });
    }
  }

  look(writing: readonly string[] = []): Map<string, SeenFile> {
    return new Map([...this.files].map(([name, file]) => [name, { facts: file, isSettled: !writing.includes(name) }]));
  }
}

/** What is the same as long as nothing is to be told. */
const contents = (files: ReadonlyMap<string, Facts>, isHashed: boolean): [string, string][] =>
  [...files].map(([name, { size, mtime, inode }]): [string, string] => [name, isHashed ? String(size) : `${size} ${mtime} ${inode}`]).toSorted(([a], [b]) => (a < b ? -1 : 1));

function lookAt(known: Map<string, Facts>, now: Map<string, SeenFile>, most: number): void {
  const { changes, refreshed } = differences(known, now);
  const paths = changes.flatMap(({ path: name, previousPath }) => [name, ...(previousPath === undefined ? [] : [previousPath])]);
  expect(new Set(paths).size).toBe(paths.length);
  for (const { event, path: name, previousPath, facts: after } of changes) {
    // No change is told of what is already told.
    expect(known.has(name)).toBe(event === "changed" || event === "removed");
    expect(previousPath !== undefined && known.has(previousPath)).toBe(event === "renamed");
    if (event !== "removed") expect(now.get(name)?.facts.mtime).toBe(after.mtime);
  }
  for (const change of changes.slice(0, most)) applyChange(known, change);
  for (const { path: name, facts: after } of refreshed) known.set(name, after);
}

test.each([false, true])("whatever happens, and whenever it is looked at, what is told in the end is what is there, and nothing is told twice (hashes: %s)", (isHashed) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const disk = new Disk(isHashed);
      const known = new Map<string, Facts>();
      for (const action of steps) {
        if (action.kind === "look") lookAt(known, disk.look(action.writing), action.most);
        else disk.do(action);
      }
      for (let looks = 0; looks < 20 && differences(known, disk.look()).changes.length > 0; looks += 1) lookAt(known, disk.look(), 1);
      lookAt(known, disk.look(), Infinity);
      expect(contents(known, isHashed)).toEqual(contents(disk.files, isHashed));
      expect(differences(known, disk.look())).toEqual({ changes: [], refreshed: [], isWaiting: false });
    }),
    { numRuns: 400 },
  );
});

import { truncate } from "node:fs/promises";
import { CONTENT_BYTES_MAX, INLINE_CONTENT_BYTES_MAX, fileParamsSchema } from "@fluxo/nodes/trigger-file/definition";
import { uuidV7 } from "@fluxo/prisma/ids";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CopyContents } from "./copy-contents.ts";
import { takePage, type Page, type ToldChange } from "./contents.ts";
import type { Change } from "./diff.ts";
import { openFolderPlace } from "./folder-place.ts";
import { fileConfig, TestFolder } from "./testing/folder.ts";

let folder: TestFolder;
beforeEach(async () => {
  folder = await TestFolder.make();
});
afterEach(() => folder.remove());

interface Look {
  /** What happens between the listing and the reading. */
  readonly meanwhile?: () => Promise<void>;
  /** Milliseconds that pass from one question for the time to the next. */
  readonly stepMs?: number;
  readonly itemsMax?: number;
  readonly events?: Partial<Record<string, Change["event"]>>;
}

async function look({ meanwhile, stepMs = 0, itemsMax = 200, events = {} }: Look = {}): Promise<Page> {
  const params = fileParamsSchema.parse(fileConfig({ content: "reference", itemsMax }));
  const signal = new AbortController().signal;
  const place = await openFolderPlace(folder, "in", params, signal);
  try {
    const { files } = await place.list();
    await meanwhile?.();
    const wanted = [...files].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([path, facts]): Change => ({ event: events[path] ?? "added", path, facts }));
    // Nothing is copied: that needs a database (file-source.store.test.ts).
    const copies = new CopyContents({ app: new pg.Pool(), ids: uuidV7, bytesMax: INLINE_CONTENT_BYTES_MAX, claimed: { tenantId: folder.tenantId, triggerId: folder.tenantId }, keep: () => Promise.resolve() });
    let nowMs = 0;
    return await takePage({ place, params, signal, copies, time: () => new Date((nowMs += stepMs)) }, wanted);
  } finally {
    await place.close();
  }
}
const shown = ({ taken }: Page): string[] => taken.map(({ change, content }) => `${change.path} ${shownContent(content)}`);
function shownContent(content: ToldChange["content"]): string {
  if (typeof content !== "object") return content ?? "none";
  return typeof content.bytes === "number" ? `copied ${content.bytes}` : `${content.mediaType} ${content.bytes.byteLength}`;
}

/** A file of so many bytes, which takes no room. */
async function ofSize(path: string, bytes: number): Promise<void> {
  await folder.write(path, "");
  await truncate(folder.at(path), bytes);
}

test("a file of the bound has content, one byte more has none, and neither has what was removed", async () => {
  await ofSize("a.pdf", INLINE_CONTENT_BYTES_MAX);
  await ofSize("b.pdf", INLINE_CONTENT_BYTES_MAX + 1);
  await folder.write("c");
  const page = await look({ events: { c: "removed" } });
  expect(shown(page)).toEqual([`a.pdf application/pdf ${INLINE_CONTENT_BYTES_MAX}`, "b.pdf tooLarge", "c removed"]);
  expect(page).toMatchObject({ isCut: false, isWaiting: false });
});

test("one look takes no more content than a commit may hold; the order stays", async () => {
  const files = CONTENT_BYTES_MAX / INLINE_CONTENT_BYTES_MAX;
  await ofSize("a", INLINE_CONTENT_BYTES_MAX + 1);
  for (let file = 0; file < files; file += 1) await ofSize(`b${1_000 + file}`, INLINE_CONTENT_BYTES_MAX);
  await ofSize("c", INLINE_CONTENT_BYTES_MAX + 1);
  await folder.write("d", "4");
  const page = await look({ itemsMax: 1_000 });
  expect(page.isCut).toBe(true);
  expect(page.taken.length).toBe(files + 2);
  expect([shown(page).at(0), shown(page).at(-1)]).toEqual(["a tooLarge", "c tooLarge"]);
});

test("one look takes as many changes as the trigger says", async () => {
  for (const path of ["a", "b", "c"]) await folder.write(path);
  expect(await look({ itemsMax: 2 })).toMatchObject({ taken: [{ change: { path: "a" } }, { change: { path: "b" } }], isCut: true });
  expect(await look({ itemsMax: 3 })).toMatchObject({ taken: { length: 3 }, isCut: false });
});

test("reading ends in time, but not before one file is read", async () => {
  for (const path of ["a", "b", "c"]) await folder.write(path);
  expect(await look({ stepMs: 60_000 })).toMatchObject({ taken: [{ change: { path: "a" } }], isCut: true });
  expect(await look({ stepMs: 6_000 })).toMatchObject({ taken: { length: 2 }, isCut: true });
});

test("what changed since it was listed is not told, and waits", async () => {
  for (const path of ["a.csv", "b.CSV"]) await folder.write(path);
  const page = await look({ meanwhile: () => folder.write("a.csv", "longer than before") });
  expect(shown(page)).toEqual(["b.CSV text/csv 5"]);
  expect(page).toMatchObject({ isCut: false, isWaiting: true });
});

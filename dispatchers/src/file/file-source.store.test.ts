import { appendFile, chmod, mkdir, rename, rm, utimes, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { JsonObject } from "@fluxo/core/json";
import { CONTENT_BYTES_MAX, recordedChangeSchema } from "@fluxo/nodes/trigger-file/definition";
import { uuidV7 } from "@fluxo/prisma/ids";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { describeSourceContract } from "../testing/source.contract.ts";
import { SourceStage, type SourceHarness, type StagedSource } from "../testing/source-stage.ts";
import { FileSource } from "./file-source.ts";
import { FolderWatches } from "./folder-watches.ts";
import { fileConfig, TestFolder } from "./testing/folder.ts";

const ALL = ["added", "changed", "removed", "renamed"];

let folder: TestFolder;
let params: JsonObject;
let watches: FolderWatches | undefined;

const harness: SourceHarness = async ({ tenantId, app }) => {
  const made = await TestFolder.make(tenantId);
  folder = made;
  let files = 0;
  return {
    config: fileConfig(params),
    pageSize: 3,
    open: () => new FileSource({ app, ids: uuidV7, contentBytesMax: 104_857_600, root: made.root, openBucket: () => Promise.reject(new Error("No bucket is watched here.")), ...(watches === undefined ? {} : { onLook: watches.onLook }) }),
    add: async (count) => {
      for (let added = 0; added < count; added += 1) await made.write(`${(files += 1)}.txt`);
    },
    addPoison: () => made.writeUnreadable(),
    close: () => made.remove(),
  };
};

let stage: SourceStage;
beforeAll(async () => {
  stage = await SourceStage.open(harness);
});
beforeEach(() => {
  params = { events: ALL, itemsMax: 3 };
});
afterEach(async () => {
  await watches?.close();
  watches = undefined;
  await stage.clear();
});
afterAll(() => stage.close());

describeSourceContract("A folder", harness);

/** What was told since, in no order. */
const told = new Map<string, number>();
async function news(staged: StagedSource): Promise<string[]> {
  const { rows } = await stage.owner.query<{ text: string }>(
    `SELECT concat_ws(' ', input ->> 'event', input ->> 'previousPath', input ->> 'path') AS text FROM executions WHERE trigger_id = $1 ORDER BY id`,
    [staged.triggerId],
  );
  const fresh = rows.slice(told.get(staged.triggerId) ?? 0).map(({ text }) => text);
  told.set(staged.triggerId, rows.length);
  return fresh.toSorted();
}
async function lookForNews(staged: StagedSource): Promise<string[]> {
  await stage.look(staged);
  return news(staged);
}

describe("what is told of a folder", () => {
  beforeEach(() => {
    params = { events: ALL };
  });

  test("tells what happened while nobody watched, each once; what was undone meanwhile is nothing", async () => {
    const staged = await stage.stage();
    for (const path of ["a", "b", "c", "d"]) await folder.write(path);
    await stage.look(staged);
    await folder.write("new/e");
    await writeFile(folder.at("a"), "more than before");
    await rename(folder.at("b"), folder.at("new/b"));
    await rm(folder.at("c"));
    await folder.write("gone");
    await rm(folder.at("gone"));
    await chmod(folder.at("d"), 0o600);
    expect(await lookForNews(staged)).toEqual(["added new/e", "changed a", "removed c", "renamed b new/b"]);
    expect(await lookForNews(staged)).toEqual([]);
    // The way back, and there again, are new each time.
    await rename(folder.at("new/b"), folder.at("b"));
    expect(await lookForNews(staged)).toEqual(["renamed new/b b"]);
    await rename(folder.at("b"), folder.at("new/b"));
    expect(await lookForNews(staged)).toEqual(["renamed b new/b"]);
    await rename(folder.at("new/b"), join(folder.root, "away"));
    expect(await lookForNews(staged)).toEqual(["removed new/b"]);
    await rename(join(folder.root, "away"), folder.at("new/b"));
    expect(await lookForNews(staged)).toEqual(["added new/b"]);
    await rename(folder.at("new/b"), join(folder.root, "away"));
    expect(await lookForNews(staged)).toEqual(["removed new/b"]);
  });

  test("tells only the events that are asked for, and remembers the others all the same", async () => {
    params = { events: ["added"] };
    const staged = await stage.stageWatched();
    await folder.write("a");
    expect(await lookForNews(staged)).toEqual(["added a"]);
    await writeFile(folder.at("a"), "changed");
    expect(await lookForNews(staged)).toEqual([]);
    await rename(folder.at("a"), folder.at("b"));
    expect(await lookForNews(staged)).toEqual([]);
    await rm(folder.at("b"));
    expect(await lookForNews(staged)).toEqual([]);
    await folder.write("b");
    expect(await lookForNews(staged)).toEqual(["added b"]);
  });
});

describe("with content: reference, a folder", () => {
  beforeEach(() => {
    params = { events: ALL, content: "reference" };
  });
  const inputs = async ({ triggerId }: StagedSource): Promise<unknown[]> =>
    (
      await stage.owner.query<{ input: unknown }>("SELECT coalesce(e.input, p.body) AS input FROM executions e LEFT JOIN payloads p ON p.tenant_id = e.tenant_id AND p.id = e.input_ref WHERE e.trigger_id = $1 ORDER BY e.id", [triggerId])
    ).rows.map(({ input }) => input);

  test("records what files hold in the commit that tells them, also when a look is repeated", async () => {
    const staged = await stage.stageWatched();
    await folder.write("b/a.csv", "1,2");
    const gone = stage.onlyConnection();
    await gone.end();
    await expect(stage.runner(staged, "crashed", gone).run(await stage.claim(staged, "crashed"))).rejects.toThrow();
    await writeFile(folder.at("b/a.csv"), "1,2,3");
    expect(await stage.look(staged)).toMatchObject({ accepted: 1, duplicate: 0 });
    await rename(folder.at("b/a.csv"), folder.at("b/c.csv"));
    expect(await stage.look(staged)).toMatchObject({ accepted: 1 });
    await rm(folder.at("b/c.csv"));
    expect(await stage.look(staged)).toMatchObject({ accepted: 1 });
    expect(await stage.look(staged)).toMatchObject({ accepted: 0 });
    const found = await inputs(staged);
    const content = Buffer.from("1,2,3").toString("base64");
    expect(found).toMatchObject([
      { event: "added", path: "b/a.csv", size: 5, content, mediaType: "text/csv" },
      { event: "renamed", path: "b/c.csv", previousPath: "b/a.csv", content, mediaType: "text/csv" },
      { event: "removed", path: "b/c.csv", fileMissing: "removed" },
    ]);
    for (const input of found) expect(recordedChangeSchema.safeParse(input).error).toBeUndefined();
  });

  test("tells files of the bound one look after the other, and larger ones without content", async () => {
    params = { ...params, contentBytesMax: CONTENT_BYTES_MAX };
    const staged = await stage.stageWatched();
    const bytes = { a: CONTENT_BYTES_MAX, b: CONTENT_BYTES_MAX, c: CONTENT_BYTES_MAX + 1 };
    for (const [path, count] of Object.entries(bytes)) await writeFile(folder.at(path), Buffer.alloc(count, path));
    expect(await stage.look(staged)).toMatchObject({ accepted: 1 });
    expect(await stage.look(staged)).toMatchObject({ accepted: 2 });
    expect(await stage.look(staged)).toMatchObject({ accepted: 0 });
    const sizes = (await inputs(staged)).map((input) => {
      const { path, file, fileMissing } = recordedChangeSchema.parse(input);
      return [path, file?.sha256 ?? fileMissing];
    });
    const hash = (path: string): string => createHash("sha256").update(Buffer.alloc(CONTENT_BYTES_MAX, path)).digest("hex");
    expect(sizes).toEqual([["a", hash("a")], ["b", hash("b")], ["c", "tooLarge"]]);
  });
});

describe("when a file of a folder is told", () => {
  test("waits until a growing file is quiet", async () => {
    params = { stability: { mode: "size", quietMs: 5_000 } };
    const staged = await stage.stageWatched();
    for (let written = 0; written < 4; written += 1) {
      await appendFile(folder.at("growing"), "x".repeat(1_000));
      // A time that the writer sets says nothing.
      await utimes(folder.at("growing"), 1, 1);
      expect(await lookForNews(staged)).toEqual([]);
    }
    await expect.poll(() => lookForNews(staged), { interval: 300 }).toEqual(["added growing"]);
    expect(await lookForNews(staged)).toEqual([]);
  });

  test("waits for a done file, also of what was there at the first look", async () => {
    params = { stability: { mode: "doneFile" } };
    const staged = await stage.stage();
    for (const path of ["before.csv", "before.csv.done", "half.csv"]) await folder.write(path);
    await stage.look(staged);
    await folder.write("a.csv");
    expect(await lookForNews(staged)).toEqual([]);
    await folder.write("a.csv.done");
    await folder.write("half.csv.done");
    expect(await lookForNews(staged)).toEqual(["added a.csv", "added half.csv"]);
    await rm(folder.at("a.csv.done"));
    expect(await lookForNews(staged)).toEqual([]);
  });

  test("takes what is renamed into place at once, once", async () => {
    params = { stability: { mode: "renameIn" }, events: ALL };
    const staged = await stage.stageWatched();
    await folder.write("a.csv.part");
    expect(await lookForNews(staged)).toEqual([]);
    await rename(folder.at("a.csv.part"), folder.at("a.csv"));
    expect(await lookForNews(staged)).toEqual(["added a.csv"]);
  });

  test("with hashes, what was touched or written anew with the same content did not change, and a copy is a rename", async () => {
    params = { hash: "sha256", events: ALL };
    const staged = await stage.stageWatched();
    await folder.write("a", "content");
    expect(await lookForNews(staged)).toEqual(["added a"]);
    const { rows } = await stage.owner.query("SELECT input ->> 'sha256' AS sha256 FROM executions WHERE trigger_id = $1", [staged.triggerId]);
    expect(rows).toEqual([{ sha256: "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73" }]);
    await utimes(folder.at("a"), 5, 5);
    await rm(folder.at("a"));
    await folder.write("a", "content");
    expect(await lookForNews(staged)).toEqual([]);
    await folder.write("b", "content");
    await rm(folder.at("a"));
    expect(await lookForNews(staged)).toEqual(["renamed a b"]);
    await writeFile(folder.at("b"), "CONTENT");
    expect(await lookForNews(staged)).toEqual(["changed b"]);
  });
});

describe("looks at a folder", () => {
  test("5,000 files come in pages over restarts in the middle, none lost and none twice; as many go again", async () => {
    params = { itemsMax: 1_000, events: ALL };
    const staged = await stage.stageWatched();
    for (let part = 0; part < 50; part += 1) {
      await mkdir(folder.at(`${part}`), { recursive: true });
      await Promise.all(Array.from({ length: 100 }, (_, index) => writeFile(folder.at(`${part}/${index}`), "x")));
    }
    for (let page = 1; page <= 5; page += 1) {
      const gone = stage.onlyConnection();
      await gone.end();
      await expect(stage.runner(staged, "crashed", gone).run(await stage.claim(staged, "crashed"))).rejects.toThrow();
      expect(await stage.look(staged, `process ${page}`)).toMatchObject({ accepted: 1_000, duplicate: 0 });
    }
    expect(await stage.look(staged)).toMatchObject({ accepted: 0, duplicate: 0 });
    expect(new Set(await news(staged)).size).toBe(5_000);
    await rm(folder.at(), { recursive: true });
    await mkdir(folder.at());
    expect(await stage.lookUntil(staged, 10_000)).toMatchObject({ executions: 10_000 });
    expect((await stage.owner.query("SELECT count(*)::int AS n FROM trigger_entries WHERE trigger_id = $1", [staged.triggerId])).rows).toEqual([{ n: 0 }]);
  });

  test("a folder that is away removes nothing, and is told as an error", async () => {
    const staged = await stage.stage();
    await folder.write("a");
    await stage.look(staged);
    await rename(folder.at(), join(folder.root, "unmounted"));
    await stage.look(staged);
    expect(await stage.state(staged)).toMatchObject({ failures: 1, error_code: "FILE_NOT_FOUND" });
    await rename(join(folder.root, "unmounted"), folder.at());
    expect(await lookForNews(staged)).toEqual([]);
    expect(await stage.state(staged)).toMatchObject({ failures: 0 });
  });

  test("another source begins anew: what the old one held is forgotten, and nothing is told of it", async () => {
    const staged = await stage.stage();
    for (const path of ["a", "b"]) await folder.write(path);
    await stage.look(staged);
    await rm(folder.at("a"));
    await stage.owner.query("UPDATE trigger_states SET cursor = NULL WHERE trigger_id = $1", [staged.triggerId]);
    expect(await lookForNews(staged)).toEqual([]);
    expect((await stage.owner.query("SELECT key FROM trigger_entries WHERE trigger_id = $1", [staged.triggerId])).rows).toEqual([{ key: "b" }]);
  });

  test("entries are seen and written by their own tenant only", async () => {
    const staged = await stage.stage();
    await folder.write("a");
    await stage.look(staged);
    const other = await stage.stageWatched();
    const read = async (tenantId: string): Promise<number> => (await stage.app.query("SELECT * FROM fluxo_trigger_entries($1, $2)", [tenantId, staged.triggerId])).rows.length;
    expect([await read(staged.tenantId), await read(other.tenantId)]).toEqual([1, 0]);
    expect((await stage.app.query("SELECT * FROM trigger_entries")).rows).toEqual([]);
  });

  test("an event of the file system makes a trigger due early, but not before its plan allows", async () => {
    params = { intervalSeconds: 86_400 };
    const staged = await stage.stage();
    watches = new FolderWatches({ root: folder.root, system: stage.system, logger: stage.logger });
    const dueIn = async (): Promise<number> => Number((await stage.owner.query("SELECT extract(epoch FROM next_due_at - clock_timestamp()) AS s FROM trigger_states WHERE trigger_id = $1", [staged.triggerId])).rows[0]?.s);
    await stage.look(staged);
    expect(await dueIn()).toBeGreaterThan(80_000);
    let files = 0;
    await expect
      .poll(async () => {
        await folder.write(`${(files += 1)}`);
        return dueIn();
      }, { interval: 500 })
      .toBeLessThanOrEqual(60);
    expect(await dueIn()).toBeGreaterThan(30);
  });
});

import { execFileSync } from "node:child_process";
import { createServer } from "node:net";
import { appendFile, link, mkdir, readFile, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileParamsSchema } from "@fluxo/nodes/trigger-file/definition";
import type { JsonObject } from "@fluxo/core/json";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openFolderPlace } from "./folder-place.ts";
import type { Listing } from "./listing.ts";
import { fileConfig, TestFolder } from "./testing/folder.ts";

let folder: TestFolder;
beforeEach(async () => {
  folder = await TestFolder.make();
});
afterEach(() => folder.remove());

const params = (given: JsonObject = {}): ReturnType<typeof fileParamsSchema.parse> => fileParamsSchema.parse(fileConfig(given));

async function list(path = "in", given: JsonObject = {}, signal = new AbortController().signal): Promise<Listing> {
  const place = await openFolderPlace(folder, path, params(given), signal);
  try {
    return await place.list();
  } finally {
    await place.close();
  }
}
const paths = async (path = "in", given: JsonObject = {}): Promise<string[]> => [...(await list(path, given)).files.keys()].toSorted();

describe("what is listed", () => {
  test("files at any depth, by path", async () => {
    for (const path of ["a.txt", "b/c.txt", "b/d/é.csv"]) await folder.write(path, "xy");
    const { files } = await list();
    expect([...files.keys()].toSorted()).toEqual(["a.txt", "b/c.txt", "b/d/é.csv"]);
    expect(files.get("a.txt")).toEqual({ size: 2, mtime: expect.stringMatching(/^\d{19}$/), ctime: expect.stringMatching(/^\d{19}$/), inode: expect.stringMatching(/^\d+$/) });
  });

  test("not files in the making, and not what is hidden", async () => {
    for (const path of ["a.csv", "b.csv.part", "c.crdownload", "d.TMP", "e~", ".f", ".g/h.csv", "i.tmp/j.csv", "k.filepart"]) await folder.write(path);
    expect(await paths()).toEqual(["a.csv"]);
  });

  test.each<[JsonObject, string[]]>([
    [{ include: ["*.csv"] }, ["a.csv"]],
    [{ include: ["**/*.csv"] }, ["a.csv", "b/a.csv"]],
    [{ include: ["b/**"], exclude: ["**/*.txt"] }, ["b/a.csv"]],
    [{ include: ["**/*.{csv,txt}"], exclude: ["b/**"] }, ["a.csv", "a.txt"]],
    [{ include: ["?.txt"] }, ["a.txt"]],
  ])("what %j says", async (given, expected) => {
    for (const path of ["a.csv", "a.txt", "b/a.csv", "b/a.txt"]) await folder.write(path);
    expect(await paths("in", given)).toEqual(expected);
  });

  test("done files apart", async () => {
    for (const path of ["a.csv", "a.csv.done"]) await folder.write(path);
    const { files, doneFiles } = await list("in", { stability: { mode: "doneFile" } });
    expect([[...files.keys()], [...doneFiles]]).toEqual([["a.csv"], ["a.csv.done"]]);
  });

  test("names that nobody can be told, with their bytes", async () => {
    await folder.writeUnreadable();
    await folder.write("a\nb");
    const { files, unreadable } = await list();
    expect(files.size).toBe(0);
    expect(unreadable.map(({ reason }) => reason).toSorted()).toEqual(["Its path holds control characters.", "Its path is no UTF-8."]);
  });

  test("nothing once the look is to end", async () => {
    await folder.write("a");
    await expect(list("in", {}, AbortSignal.abort(new Error("The dispatcher stops.")))).rejects.toThrow("The dispatcher stops.");
  });
});

describe("nothing outside of the tenant's folder", () => {
  beforeEach(async () => {
    await mkdir(join(folder.root, "secret"));
    await writeFile(join(folder.root, "secret", "key.txt"), "s3cret");
    await mkdir(join(folder.root, `${folder.tenantId}-neighbor`));
    await writeFile(join(folder.root, `${folder.tenantId}-neighbor`, "key.txt"), "s3cret");
  });

  test.each(["..", "../..", "../secret", "in/../../secret"])("by the path %s", async (path) => {
    await expect(list(path)).rejects.toThrow();
  });

  test("by a sibling whose name begins as the tenant's", async () => {
    await expect(openFolderPlace({ root: folder.root, tenantId: folder.tenantId }, "-neighbor", params(), new AbortController().signal)).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
  });

  test("by symbolic links to files and folders", async () => {
    await symlink("/etc", folder.at("etc"));
    await symlink("/etc/passwd", folder.at("passwd"));
    await symlink("../../secret", folder.at("up"));
    await symlink(".", folder.at("loop"));
    await symlink("nowhere", folder.at("dangling"));
    await folder.write("own.txt");
    expect(await paths()).toEqual(["own.txt"]);
  });

  test("when the watched folder, one on the way, or the tenant's own is a symbolic link", async () => {
    await symlink("/etc", join(folder.root, folder.tenantId, "link"));
    await expect(list("link")).rejects.toMatchObject({ code: "FILE_NOT_FOUND", message: expect.not.stringContaining(folder.root) });
    await expect(list("link/ssl")).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
    await symlink(join(folder.root, "secret"), join(folder.root, "tenant-2"));
    await expect(openFolderPlace({ root: folder.root, tenantId: "tenant-2" }, "", params(), new AbortController().signal)).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
  });

  test("when a folder is replaced by a symbolic link while it is listed, again and again", async () => {
    for (let index = 0; index < 40; index += 1) await folder.write(`sub/deep/${index}.txt`);
    await mkdir(join(folder.root, "secret", "deep"));
    await writeFile(join(folder.root, "secret", "deep", "key.txt"), "s3cret");
    const over = new AbortController();
    const swapping = (async () => {
      while (!over.signal.aborted) {
        await rename(folder.at("sub"), folder.at("moved"));
        await symlink(join(folder.root, "secret"), folder.at("sub"));
        await unlink(folder.at("sub"));
        await rename(folder.at("moved"), folder.at("sub"));
      }
    })();
    const found = new Set<string>();
    // Until the folder itself was met at least once: on a busy machine the looks may all come in between.
    for (let looks = 0; looks < 150 || found.size === 0; looks += 1) for (const path of await paths()) found.add(path);
    over.abort();
    await swapping;
    expect([...found].filter((path) => path.includes("key"))).toEqual([]);
    expect(found.size).toBeGreaterThan(0);
  });

  test("by the hash or the content of what became a symbolic link, a pipe or another file since it was listed", async () => {
    const place = await openFolderPlace(folder, "in", params(), new AbortController().signal);
    await folder.write("a", "content");
    await folder.write("b/c", "content");
    const { files } = await place.list();
    const hash = async (path: string): Promise<string | undefined> => {
      const facts = files.get(path);
      return facts && place.hash?.(path, facts);
    };
    const content = async (path: string): Promise<string | undefined> => {
      const facts = files.get(path);
      const read = facts && (await place.read(path, facts));
      return typeof read === "object" ? Buffer.from(read.bytes).toString() : read;
    };
    expect([await content("a"), await content("b/c")]).toEqual(["content", "content"]);
    expect(await hash("a")).toBe("ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73");
    expect(await hash("b/c")).toBe("ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73");
    await rm(folder.at("b"), { recursive: true });
    await symlink(join(folder.root, "secret"), folder.at("b"));
    expect([await hash("b/c"), await content("b/c")]).toEqual([undefined, undefined]);
    for (const replace of [() => symlink("/etc/passwd", folder.at("a")), () => execFileSync("mkfifo", [folder.at("a")]), () => writeFile(folder.at("a"), "another"), () => mkdir(folder.at("a"))]) {
      await rm(folder.at("a"), { recursive: true });
      await replace();
      expect([await hash("a"), await content("a")]).toEqual([undefined, undefined]);
    }
    await place.close();
  });
});

test("pipes, sockets and devices are no files, and hold nothing up", async () => {
  execFileSync("mkfifo", [folder.at("pipe")]);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(folder.at("socket"), resolve));
  // Only the superuser may make one; a hard link of another file system's device cannot be made either.
  await link("/dev/null", folder.at("device")).catch(() => undefined);
  await folder.write("own.txt");
  expect(await paths()).toEqual(["own.txt"]);
  server.close();
});

test("a file that is written to while it is read has no hash and no content yet", async () => {
  await writeFile(folder.at("large"), Buffer.alloc(8_000_000));
  const place = await openFolderPlace(folder, "in", params(), new AbortController().signal);
  const facts = (await place.list()).files.get("large");
  if (facts === undefined || place.hash === undefined) throw new Error("The file was not listed.");
  const hashing = place.hash("large", facts);
  await appendFile(folder.at("large"), "more");
  expect(await hashing).toBeUndefined();
  const now = (await place.list()).files.get("large");
  if (now === undefined) throw new Error("The file was not listed.");
  const reading = place.read("large", now);
  await appendFile(folder.at("large"), "more");
  expect(await reading).toBeUndefined();
  expect((await readFile(folder.at("large"))).byteLength).toBe(8_000_008);
  await place.close();
});

test("a folder that is not there is told, without the installation's path", async () => {
  await expect(list("gone")).rejects.toMatchObject({ code: "FILE_NOT_FOUND", message: "The folder is not there, or is no folder (symbolic links are not followed)." });
  await folder.write("file");
  await expect(list("in/file")).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
});

test("a folder that is too deep is told", async () => {
  await mkdir(folder.at(Array.from({ length: 34 }, () => "d").join("/")), { recursive: true });
  await expect(list()).rejects.toMatchObject({ code: "DATA_TOO_LARGE" });
});

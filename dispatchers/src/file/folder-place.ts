import { createHash } from "node:crypto";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { FileTriggerParams, MissingReason } from "@fluxo/nodes/trigger-file/definition";
import { CHUNK_BYTES } from "@fluxo/prisma/files/file-store";
import type { BigIntStats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import type { Facts } from "./diff.ts";
import { FILES_MAX, type FileContent, type FilePlace, type Listing } from "./listing.ts";
import { mediaTypeByName } from "./media-type.ts";
import { isIgnoredName, pathFilter, readPath, type UnreadableName } from "./names.ts";
import { isForbidden, isGone, SafeFolder } from "./safe-folder.ts";

const DEPTH_MAX = 32;
/** Entries that one look takes in, of any kind: those that do not count cost time too. */
const ENTRIES_MAX = 200_000;
const STATS_AT_ONE_TIME = 32;
/** Of a file whose hash is told. */
const HASH_BYTES_MAX = 268_435_456n;

/** Opens a folder of a tenant, part by part. @throws NodeError when it is not there, or is no folder */
export async function openFolderPlace(tenantRoot: { readonly root: string; readonly tenantId: string }, path: string, params: FileTriggerParams, signal: AbortSignal): Promise<FilePlace> {
  let folder: SafeFolder | undefined;
  try {
    folder = await SafeFolder.openRoot(tenantRoot.root);
    for (const part of [tenantRoot.tenantId, ...path.split("/").filter((name) => name !== "")]) folder = await stepInto(folder, part);
  } catch (error) {
    await folder?.[Symbol.asyncDispose]();
    throw folderFailure(error);
  }
  return new FolderPlace(folder, params, signal);
}

async function stepInto(folder: SafeFolder, part: string): Promise<SafeFolder> {
  const next = await folder.openFolder(Buffer.from(part));
  await folder[Symbol.asyncDispose]();
  return next;
}

/** What a scan gathers. */
interface Found extends Listing {
  readonly files: Map<string, Facts>;
  readonly unreadable: UnreadableName[];
  readonly doneFiles: Set<string>;
  /** Of any kind, so far. */
  entries: number;
}

class FolderPlace implements FilePlace {
  readonly #folder: SafeFolder;
  readonly #counts: (path: string) => boolean;
  readonly #doneSuffix: string | undefined;
  readonly #signal: AbortSignal;

  constructor(folder: SafeFolder, params: FileTriggerParams, signal: AbortSignal) {
    this.#folder = folder;
    this.#counts = pathFilter(params);
    this.#doneSuffix = params.stability.mode === "doneFile" ? params.stability.suffix : undefined;
    this.#signal = signal;
  }

  async list(): Promise<Listing> {
    const found: Found = { files: new Map(), unreadable: [], doneFiles: new Set(), entries: 0 };
    try {
      await this.#scan(this.#folder, Buffer.alloc(0), 0, found);
    } catch (error) {
      this.#signal.throwIfAborted();
      throw folderFailure(error);
    }
    return found;
  }

  readonly hash = async (path: string, facts: Facts): Promise<string | undefined> => {
    // What may not be read is told all the same.
    return BigInt(facts.size) > HASH_BYTES_MAX ? "" : this.#work(path, facts, "", (file) => hashOf(file, this.#signal));
  };

  readonly read = async (path: string, facts: Facts): Promise<FileContent | MissingReason | undefined> =>
    this.#work<FileContent | MissingReason>(path, facts, "unreadable", async (file) => ({ bytes: await bytesOf(file, facts.size, this.#signal), mediaType: mediaTypeByName(path) }));

  readonly copy: FilePlace["copy"] = async (path, facts, begin) =>
    this.#work<"copied" | MissingReason>(path, facts, "unreadable", async (file) => {
      await copyParts(file, facts.size, await begin(mediaTypeByName(path), facts.size), this.#signal);
      return "copied";
    });

  async close(): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }

  /** What `work` makes of a file; `forbidden` when it may not be read; undefined when it is no longer what the listing said, before or after. */
  async #work<T>(path: string, facts: Facts, forbidden: T, work: (file: FileHandle) => Promise<T>): Promise<T | undefined> {
    const parts = path.split("/").map((part) => Buffer.from(part));
    const name = parts.pop();
    if (name === undefined) return undefined;
    try {
      return await workIn(this.#folder, parts, name, facts, work);
    } catch (error) {
      this.#signal.throwIfAborted();
      if (isGone(error)) return undefined;
      if (isForbidden(error)) return forbidden;
      throw folderFailure(error);
    }
  }

  async #scan(folder: SafeFolder, prefix: Buffer, depth: number, found: Found): Promise<void> {
    if (depth > DEPTH_MAX) throw tooMuch(`folders deeper than ${DEPTH_MAX}`);
    const names = await folder.names();
    found.entries += names.length;
    if (found.entries > ENTRIES_MAX) throw tooMuch(`more than ${ENTRIES_MAX} entries`);
    const counted = names.filter((name) => !isIgnoredName(name.toString("latin1")));
    for (let first = 0; first < counted.length; first += STATS_AT_ONE_TIME) {
      this.#signal.throwIfAborted();
      const batch = await Promise.all(counted.slice(first, first + STATS_AT_ONE_TIME).map(async (name) => ({ name, stats: await folder.stats(name) })));
      for (const { name, stats } of batch) {
        const raw = Buffer.concat([prefix, name]);
        if (stats?.isFile() === true) this.#take(raw, stats, found);
        else if (stats?.isDirectory() === true) await this.#scanFolder(folder, name, raw, depth, found);
      }
      if (found.files.size + found.unreadable.length > FILES_MAX) throw tooMuch(`more than ${FILES_MAX} files`);
    }
  }

  async #scanFolder(folder: SafeFolder, name: Buffer, raw: Buffer, depth: number, found: Found): Promise<void> {
    const next = await folder.openFolder(name).catch((error: unknown) => {
      // Gone, or something else in its place, since it was listed.
      if (isGone(error)) return undefined;
      throw error;
    });
    if (next === undefined) return;
    await using held = next;
    await this.#scan(held, Buffer.concat([raw, Buffer.from("/")]), depth + 1, found);
  }

  #take(raw: Buffer, stats: BigIntStats, found: Found): void {
    const path = readPath(raw);
    if (typeof path !== "string") {
      found.unreadable.push(path);
      return;
    }
    if (this.#doneSuffix !== undefined && path.endsWith(this.#doneSuffix)) found.doneFiles.add(path);
    else if (this.#counts(path)) found.files.set(path, factsOf(stats));
  }
}

async function workIn<T>(folder: SafeFolder, [part, ...rest]: readonly Buffer[], name: Buffer, facts: Facts, work: (file: FileHandle) => Promise<T>): Promise<T | undefined> {
  if (part !== undefined) {
    await using next = await folder.openFolder(part);
    return await workIn(next, rest, name, facts, work);
  }
  await using file = await folder.openFile(name);
  if (file === undefined || !isAs(facts, await file.stat({ bigint: true }))) return undefined;
  const made = await work(file);
  // Written to while it was read: the next look decides.
  return isAs(facts, await file.stat({ bigint: true })) ? made : undefined;
}

async function hashOf(file: FileHandle, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of file.createReadStream({ autoClose: false, signal })) hash.update(chunk);
  return hash.digest("hex");
}

/** Hands on the first `size` bytes part by part, all of them through the same memory. */
async function copyParts(file: FileHandle, size: number, take: (part: Uint8Array) => Promise<void>, signal: AbortSignal): Promise<void> {
  const memory = Buffer.alloc(CHUNK_BYTES);
  for (let position = 0; position < size; position += CHUNK_BYTES) {
    const part = await fill(file, memory.subarray(0, Math.min(CHUNK_BYTES, size - position)), position, signal);
    if (part.byteLength > 0) await take(part);
    // Cut shorter meanwhile: the comparison that follows tells.
    if (part.byteLength < CHUNK_BYTES) return;
  }
}

/** The first `size` bytes, and no more of a file that grows meanwhile. */
async function bytesOf(file: FileHandle, size: number, signal: AbortSignal): Promise<Uint8Array> {
  return fill(file, Buffer.alloc(size), 0, signal);
}

/** As much of `bytes` as there is from `position` on. */
async function fill(file: FileHandle, bytes: Buffer, position: number, signal: AbortSignal): Promise<Buffer> {
  for (let length = 0; length < bytes.byteLength; ) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(bytes, length, bytes.byteLength - length, position + length);
    if (bytesRead === 0) return bytes.subarray(0, length);
    length += bytesRead;
  }
  return bytes;
}

function factsOf({ size, mtimeNs, ctimeNs, ino }: BigIntStats): Facts {
  return { size: Number(size), mtime: String(mtimeNs), inode: String(ino), ctime: String(ctimeNs) };
}

function isAs(facts: Facts, stats: BigIntStats): boolean {
  const now = factsOf(stats);
  return now.size === facts.size && now.mtime === facts.mtime && now.inode === facts.inode;
}

function tooMuch(what: string): NodeError {
  return new NodeError(`The folder holds ${what}; watch a smaller part of it.`, { errorClass: "DATA", code: "DATA_TOO_LARGE" });
}

/** What the file system says, without the path in it, which is the installation's. */
function folderFailure(error: unknown): unknown {
  if (error instanceof NodeError || !(error instanceof Error)) return error;
  if (isGone(error)) return new NodeError("The folder is not there, or is no folder (symbolic links are not followed).", { errorClass: "DATA", code: "FILE_NOT_FOUND", cause: error });
  const code = "code" in error ? String(error.code) : error.name;
  return new NodeError(`The folder cannot be read (${code}).`, { errorClass: "SERVER", code: "UNAVAILABLE", cause: error });
}

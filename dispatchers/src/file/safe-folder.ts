import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, lstat, open, readdir } from "node:fs/promises";

/**
 * A folder that is held open, and whose entries are reached through the open descriptor (/proc/self/fd, Linux) and never by a path from the root: whoever renames
 * folders or puts symbolic links in their place meanwhile leads nobody elsewhere. Symbolic links themselves are not followed.
 */
export class SafeFolder implements AsyncDisposable {
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** A folder that the operator named; it may be a symbolic link. @throws what the file system says */
  static async openRoot(path: string): Promise<SafeFolder> {
    return new SafeFolder(await open(path, constants.O_RDONLY | constants.O_DIRECTORY));
  }

  /** @param name of one part, bytes as they are in the file system. @throws what the file system says: ELOOP or ENOTDIR for what is no folder */
  async openFolder(name: Buffer): Promise<SafeFolder> {
    return new SafeFolder(await open(this.#at(name), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW));
  }

  /** Opens a regular file for reading; undefined when the name is something else. Never waits for a pipe's other end. @throws what the file system says */
  async openFile(name: Buffer): Promise<FileHandle | undefined> {
    const file = await open(this.#at(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stats = await file.stat().catch(async (error: unknown) => {
      await file.close();
      throw error;
    });
    if (stats.isFile()) return file;
    await file.close();
    return undefined;
  }

  /** Names of the entries, in no order. */
  async names(): Promise<Buffer[]> {
    return readdir(this.#at(Buffer.from(".")), { encoding: "buffer" });
  }

  /** Of the entry itself, not of what a symbolic link leads to; undefined when it is gone. */
  async stats(name: Buffer): Promise<BigIntStats | undefined> {
    return lstat(this.#at(name), { bigint: true }).catch((error: unknown) => {
      if (isGone(error)) return undefined;
      throw error;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  #at(name: Buffer): Buffer {
    if (name.includes(0x2f) || name.equals(Buffer.from(".."))) throw new Error("A name is one part of a path.");
    return Buffer.concat([Buffer.from(`/proc/self/fd/${this.#handle.fd}/`), name]);
  }
}

/** Whether the file system says that there is no such entry, or that it is no folder, or a symbolic link. */
export function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && ["ENOENT", "ENOTDIR", "ELOOP", "ENXIO"].includes(String(error.code));
}

/** Whether the file system refuses, for want of rights. */
export function isForbidden(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "EACCES" || error.code === "EPERM");
}

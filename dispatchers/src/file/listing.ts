import type { MissingReason } from "@fluxo/nodes/trigger-file/definition";
import { CHUNK_BYTES } from "@fluxo/prisma/files/file-store";
import type { Facts } from "./diff.ts";
import type { UnreadableName } from "./names.ts";

/** Files of one trigger at most. */
export const FILES_MAX = 50_000;

/** Bytes that are read before they are stored. */
export const COPY_AHEAD_BYTES_MAX = 4 * CHUNK_BYTES;

/** What is there, as one look finds it: complete, or the look fails. */
export interface Listing {
  /** By path, relative to what is watched; ignored names, and paths that the patterns leave out, are not among them. */
  readonly files: ReadonlyMap<string, Facts>;
  readonly unreadable: readonly UnreadableName[];
  /** With done files: the paths of those, which are not among `files`. */
  readonly doneFiles: ReadonlySet<string>;
}

/** What a file holds. */
export interface FileContent {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
}

/** A place that holds files. */
export interface FilePlace {
  /** @throws NodeError when not all can be listed */
  list(): Promise<Listing>;
  /** SHA-256 of a file, hex; empty when it is too large or may not be read; undefined when it is no longer what the listing said. Absent where hashes come with the listing. */
  readonly hash?: (path: string, facts: Facts) => Promise<string | undefined>;
  /**
   * The content of a file of at most INLINE_CONTENT_BYTES_MAX, or why there is none; undefined when it is no longer what the listing said.
   * @throws NodeError when the place fails
   */
  read(path: string, facts: Facts): Promise<FileContent | MissingReason | undefined>;
  /**
   * Hands on the content of a file of any size: whole parts of CHUNK_BYTES, the last one shorter, never more than COPY_AHEAD_BYTES_MAX of it in memory (CONTENT_BYTES_MAX of what is unpacked). A part's bytes are used again once it is taken.
   * @returns "copied", or why there is none; undefined when the file is not, or no longer, what the listing said: what was handed on means nothing then
   * @throws NodeError when the place fails; what `begin` and what it gives threw
   */
  copy(path: string, facts: Facts, begin: (mediaType: string, bytes: number) => Promise<(part: Uint8Array) => Promise<void>>): Promise<"copied" | MissingReason | undefined>;
  close(): Promise<void>;
}

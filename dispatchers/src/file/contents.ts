import { CONTENT_BYTES_MAX, INLINE_CONTENT_BYTES_MAX, type FileTriggerParams, type MissingReason } from "@fluxo/nodes/trigger-file/definition";
import type { Change } from "./diff.ts";
import type { FileContent, FilePlace } from "./listing.ts";
import type { CopyContents } from "./copy-contents.ts";
import type { FileRef } from "@fluxo/core/ports/files";

/** Bytes of content that one look takes; at least one file is taken. */
const LOOK_BYTES_MAX = CONTENT_BYTES_MAX;
/** How long one look begins to read files, so that it ends before its lease does; at least one file is read. */
const READING_MS_MAX = 8_000;

/** A change with what is told of its file's content. */
export interface ToldChange {
  readonly change: Change;
  /** Absent where content is not asked for. */
  readonly content?: FileContent | FileRef | MissingReason;
}

export interface Page {
  readonly taken: readonly ToldChange[];
  /** Whether changes are left for another look. */
  readonly isCut: boolean;
  /** Whether a file changed since it was listed: what it is now is for another look, and nothing of it is told here. */
  readonly isWaiting: boolean;
}

interface Reading {
  readonly place: FilePlace;
  readonly params: Pick<FileTriggerParams, "content" | "contentBytesMax" | "itemsMax">;
  readonly copies: CopyContents;
  readonly time: () => Date;
  readonly signal: AbortSignal;
}

/** The changes that one look tells, in their order: as many as the trigger takes, and as much content as one commit may hold. @throws NodeError when the place fails at the first of them */
export async function takePage({ place, params, copies, time, signal }: Reading, wanted: readonly Change[]): Promise<Page> {
  if (params.content === "none") {
    const taken = wanted.slice(0, params.itemsMax).map((change) => ({ change }));
    return { taken, isCut: wanted.length > taken.length, isWaiting: false };
  }
  const endsAtMs = time().getTime() + READING_MS_MAX;
  const taken: ToldChange[] = [];
  let files = 0;
  let bytes = 0;
  let isWaiting = false;
  for (const change of wanted) {
    signal.throwIfAborted();
    const { size } = change.facts;
    const missing = missingReason(change, Math.min(params.contentBytesMax, copies.bytesMax));
    const isOver = missing === undefined && files > 0 && (bytes + size > LOOK_BYTES_MAX || time().getTime() >= endsAtMs);
    if (taken.length === params.itemsMax || isOver) return { taken, isCut: true, isWaiting };
    let content;
    try {
      content = missing ?? (await (size > INLINE_CONTENT_BYTES_MAX ? copies.copy(place, change) : place.read(change.path, change.facts)));
    } catch (error) {
      signal.throwIfAborted();
      // What was read is told; the next look meets the same failure first, and tells it.
      if (taken.length > 0) return { taken, isCut: true, isWaiting };
      throw error;
    }
    if (content === undefined) isWaiting = true;
    else taken.push({ change, content });
    if (missing !== undefined) continue;
    files += 1;
    bytes += size;
  }
  return { taken, isCut: false, isWaiting };
}

function missingReason({ event, facts }: Change, bytesMax: number): MissingReason | undefined {
  if (event === "removed") return "removed";
  return facts.size > bytesMax ? "tooLarge" : undefined;
}

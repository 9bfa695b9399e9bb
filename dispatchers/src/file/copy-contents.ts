import { NodeError } from "@fluxo/core/errors/node-error";
import type { IdSource } from "@fluxo/core/ports/clock";
import type { FileRef } from "@fluxo/core/ports/files";
import { safeFileName } from "@fluxo/nodes/schemas/file";
import type { MissingReason } from "@fluxo/nodes/trigger-file/definition";
import type { ClaimedTrigger } from "@fluxo/prisma/dispatch/claim";
import { FileCopy } from "@fluxo/prisma/files/file-copies";
import type pg from "pg";
import type { Change } from "./diff.ts";
import type { FilePlace } from "./listing.ts";

export interface CopyContentsParts {
  /** Connections of fluxo_app. */
  readonly app: pg.Pool;
  readonly ids: IdSource;
  /** Of one file, at most. */
  readonly bytesMax: number;
  readonly claimed: Pick<ClaimedTrigger, "tenantId" | "triggerId">;
  /** See PollContext. */
  readonly keep: () => Promise<void>;
}

/** Copies files that are too large for an occurrence, part by part, to the file store, before the commit that tells them, which makes them files of their executions. */
export class CopyContents {
  readonly bytesMax: number;
  readonly #parts: CopyContentsParts;

  constructor(parts: CopyContentsParts) {
    this.bytesMax = parts.bytesMax;
    this.#parts = parts;
  }

  /**
   * Copies the file of a change. What comes to nothing is thrown away: the file changed, the place failed, the lease is another's, the dispatcher stops.
   * @returns as FilePlace.copy. @throws NodeError when the place or the store fails; what `keep` threw
   */
  async copy(place: FilePlace, { path, facts }: Change): Promise<FileRef | MissingReason | undefined> {
    const { app, ids, claimed, keep } = this.#parts;
    let copy: FileCopy | undefined;
    let file: FileRef | undefined;
    try {
      const end = await place.copy(path, facts, async (mediaType, bytes) => {
        const begun = await stored(FileCopy.begin(app, ids, { ...claimed, name: safeFileName(path, "file"), mediaType, bytes }));
        copy = begun;
        return async (part) => {
          await keep();
          await stored(begun.write(part));
        };
      });
      if (end !== "copied") return end;
      file = copy?.finish();
      return file;
    } finally {
      // Where this fails too, the sweep does it.
      if (file === undefined) await copy?.discard().catch(() => undefined);
    }
  }
}

/** So that nobody takes a failure of the store for one of the place. */
async function stored<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new NodeError("The content could not be stored.", { errorClass: "SERVER", code: "UNAVAILABLE", cause: error });
  }
}

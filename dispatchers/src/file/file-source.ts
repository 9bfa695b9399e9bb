import { NodeError } from "@fluxo/core/errors/node-error";
import type { Json } from "@fluxo/core/json";
import type { IdSource } from "@fluxo/core/ports/clock";
import { fileParamsSchema, type FileTriggerParams } from "@fluxo/nodes/trigger-file/definition";
import type { ClaimedTrigger } from "@fluxo/prisma/dispatch/claim";
import { readTriggerEntries } from "@fluxo/prisma/dispatch/entries";
import type pg from "pg";
import { intervalMsOf, readParams } from "../polling/read-params.ts";
import type { PollContext, PolledSource, PollResult } from "../polling/source.ts";
import { compare } from "./compare.ts";
import { CopyContents } from "./copy-contents.ts";
import { openFolderPlace } from "./folder-place.ts";
import { isSettled } from "./is-settled.ts";
import type { FilePlace, Listing } from "./listing.ts";
import { entryOf, readTold, unreadableKey } from "./remembered.ts";

export interface FileSourceParts {
  /** Connections of fluxo_app. */
  readonly app: pg.Pool;
  readonly ids: IdSource;
  /** Bytes of a file whose content is given, at most, whatever a trigger asks for. */
  readonly contentBytesMax: number;
  /** The folder that holds a folder per tenant, named by its id; undefined: this installation has none. */
  readonly root: string | undefined;
  /** Opens the bucket of a trigger. @throws NodeError */
  readonly openBucket: (claimed: ClaimedTrigger, params: FileTriggerParams, signal: AbortSignal) => Promise<FilePlace>;
  /** Is told of every folder that was looked at. */
  readonly onLook?: (claimed: ClaimedTrigger, params: FileTriggerParams, files: number) => void;
}

const LOOKS_OF_TENANT_MAX = 2;

/** Folders and buckets: what is there is compared with what was told, file by file. What was told moves in the commit that tells it (I3). */
export class FileSource implements PolledSource {
  readonly kind = "file";
  readonly #parts: FileSourceParts;

  constructor(parts: FileSourceParts) {
    this.#parts = parts;
  }

  intervalMs(config: Json): number {
    return intervalMsOf(fileParamsSchema, config);
  }

  limits({ tenantId }: ClaimedTrigger): { key: string; max: number }[] {
    return [{ key: `file-tenant:${tenantId}`, max: LOOKS_OF_TENANT_MAX }];
  }

  async poll(claimed: ClaimedTrigger, { signal, now, keep }: PollContext): Promise<PollResult> {
    const params = readParams(fileParamsSchema, claimed.config);
    const { app, ids, contentBytesMax } = this.#parts;
    const copies = new CopyContents({ app, ids, bytesMax: contentBytesMax, claimed, keep });
    const place = await this.#open(claimed, params, signal);
    try {
      const listing = await place.list();
      this.#parts.onLook?.(claimed, params, listing.files.size);
      if (claimed.cursor === null) return baseline(listing, params, now());
      const told = readTold(await readTriggerEntries(this.#parts.app, claimed.tenantId, claimed.triggerId));
      return await compare({ told, listing, place, params, copies, cursor: claimed.cursor, now: now(), time: now, signal });
    } finally {
      await place.close();
    }
  }

  async #open(claimed: ClaimedTrigger, params: FileTriggerParams, signal: AbortSignal): Promise<FilePlace> {
    const { root, openBucket } = this.#parts;
    if (params.source.kind === "s3") return openBucket(claimed, params, signal);
    if (root === undefined) throw new NodeError("This installation has no folders to watch (DISPATCHER_FILE_ROOT).", { errorClass: "REFUSED", code: "UNAVAILABLE" });
    return openFolderPlace({ root, tenantId: claimed.tenantId }, params.source.path, params, signal);
  }
}

/** Takes note of all that is there; what still waits for its done file is not there yet. */
function baseline(listing: Listing, params: FileTriggerParams, now: Date): PollResult {
  const isThere = (path: string): boolean => params.stability.mode !== "doneFile" || isSettled(path, undefined, listing, params, now);
  const files = [...listing.files].filter(([path]) => isThere(path)).map(([path, facts]) => entryOf(path, facts));
  const unreadable = listing.unreadable.map((name) => ({ key: unreadableKey(name), value: true }));
  return { cursor: { baselineAt: now.toISOString() }, items: [], marks: [], parked: [], hasMore: false, entries: { isAnew: true, dropped: [], kept: [...files, ...unreadable] } };
}

import { realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import type { FileTriggerParams } from "@fluxo/nodes/trigger-file/definition";
import type { ClaimedTrigger } from "@fluxo/prisma/dispatch/claim";
import { wakeTrigger } from "@fluxo/prisma/dispatch/wake";
import type { Logger } from "@fluxo/runtime/logger";
import { type FSWatcher, watch } from "chokidar";
import type pg from "pg";
import { isIgnoredName } from "./names.ts";

export interface FolderWatchesOptions {
  readonly root: string;
  /** Connections of fluxo_system. */
  readonly system: pg.Pool;
  readonly logger: Logger;
}

interface Watched {
  readonly watcher: FSWatcher;
  /** By `performance.now()`. */
  endsAtMs: number;
  timer: NodeJS.Timeout | undefined;
}

/** Folders that one process watches at one time, and files of one folder: the system's own watches are not many. */
const FOLDERS_MAX = 100;
const FILES_MAX = 2_000;
const DEPTH_MAX = 8;
/** A folder is watched for so many intervals after a look of this process. */
const INTERVALS = 3;
/** After the last event; a look before would find files that are still written to. */
const QUIET_MS_MIN = 200;
/** While a look is under way, a wake has to wait for its end. */
const RETRY_MS = 1_000;
const RETRIES_MAX = 30;

/**
 * Makes triggers due early when something happens in their folders. Only a hint: what happened is found by the look, and without events the interval is enough. Watched is what
 * this process looked at lately, as long as it is small.
 */
export class FolderWatches {
  readonly #options: FolderWatchesOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #opening = new Set<string>();
  #isClosed = false;

  constructor(options: FolderWatchesOptions) {
    this.#options = options;
  }

  /** After a look of this process. */
  readonly onLook = (claimed: ClaimedTrigger, params: FileTriggerParams, files: number): void => {
    const nowMs = performance.now();
    for (const [triggerId, watched] of this.#watched) if (watched.endsAtMs < nowMs) this.#end(triggerId, watched);
    const { triggerId } = claimed;
    const endsAtMs = nowMs + INTERVALS * params.intervalSeconds * 1_000;
    const known = this.#watched.get(triggerId);
    if (known !== undefined) known.endsAtMs = endsAtMs;
    if (known !== undefined || files > FILES_MAX || this.#watched.size + this.#opening.size >= FOLDERS_MAX || this.#opening.has(triggerId) || this.#isClosed) return;
    this.#opening.add(triggerId);
    void this.#open(claimed, params, endsAtMs)
      .catch((error: unknown) => this.#options.logger.warn({ err: error, triggerId }, "a folder cannot be watched; it is looked at by its interval"))
      .finally(() => this.#opening.delete(triggerId));
  };

  async close(): Promise<void> {
    this.#isClosed = true;
    const all = [...this.#watched.values()];
    this.#watched.clear();
    for (const { timer } of all) clearTimeout(timer);
    await Promise.all(all.map(({ watcher }) => watcher.close()));
  }

  async #open({ tenantId, triggerId }: ClaimedTrigger, { source, stability }: FileTriggerParams, endsAtMs: number): Promise<void> {
    if (source.kind !== "folder") return;
    const folder = join(await realpath(this.#options.root), tenantId, source.path);
    // A symbolic link on the way would have others watched.
    if ((await realpath(folder)) !== folder.replace(/\/$/, "") || this.#isClosed) return;
    const watcher = watch(folder, {
      ignoreInitial: true,
      followSymlinks: false,
      persistent: false,
      depth: DEPTH_MAX,
      ignorePermissionErrors: true,
      ignored: (path) => path !== folder && isIgnoredName(basename(path)),
    });
    const watched: Watched = { watcher, endsAtMs, timer: undefined };
    const quietMs = Math.max(stability.mode === "size" ? stability.quietMs : 0, QUIET_MS_MIN);
    watcher.on("all", () => this.#wakeAfter(watched, quietMs, { tenantId, triggerId }, RETRIES_MAX));
    watcher.on("error", (error) => {
      this.#options.logger.warn({ err: error, triggerId }, "the watch of a folder ended; it is looked at by its interval");
      this.#end(triggerId, watched);
    });
    this.#watched.set(triggerId, watched);
  }

  #wakeAfter(watched: Watched, waitMs: number, trigger: { readonly tenantId: string; readonly triggerId: string }, retries: number): void {
    clearTimeout(watched.timer);
    watched.timer = setTimeout(() => {
      void this.#wake(watched, trigger, retries).catch((error: unknown) => this.#options.logger.warn({ err: error, ...trigger }, "a trigger could not be woken"));
    }, waitMs).unref();
  }

  async #wake(watched: Watched, trigger: { readonly tenantId: string; readonly triggerId: string }, retries: number): Promise<void> {
    if (this.#isClosed || (await wakeTrigger(this.#options.system, trigger.tenantId, trigger.triggerId)) || retries === 0) return;
    if (this.#watched.get(trigger.triggerId) === watched) this.#wakeAfter(watched, RETRY_MS, trigger, retries - 1);
  }

  #end(triggerId: string, watched: Watched): void {
    clearTimeout(watched.timer);
    if (this.#watched.get(triggerId) === watched) this.#watched.delete(triggerId);
    void watched.watcher.close().catch((error: unknown) => this.#options.logger.warn({ err: error, triggerId }, "the watch of a folder did not end well"));
  }
}

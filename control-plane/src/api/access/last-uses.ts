import type { Clock } from "@fluxo/core/ports/clock";
import type { Logger } from "@fluxo/runtime/logger";

/** How often uses are written. A last use is exact to this and the minute in which a key is written once. */
const FLUSH_MS = 5_000;
const MINUTE_MS = 60_000;
/** Ids whose last note is remembered. */
const NOTED_MAX = 50_000;

export interface LastUsesOptions {
  /** Writes when they were last used. */
  readonly write: (uses: ReadonlyMap<string, Date>) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Collects when API keys or sessions were used, and writes that beside the requests: one statement for all, at most once a minute for each. */
export class LastUses {
  readonly #options: LastUsesOptions;
  readonly #stop = new AbortController();
  /** When each was last written. */
  readonly #notedMs = new Map<string, number>();
  #due = new Map<string, Date>();
  #loop: Promise<void> = Promise.resolve();

  constructor(options: LastUsesOptions) {
    this.#options = options;
  }

  /** Notes a use, in memory only. */
  note(id: string, now: Date): void {
    if (now.getTime() - (this.#notedMs.get(id) ?? -Infinity) >= MINUTE_MS) this.#due.set(id, now);
  }

  /** Begins to write. */
  start(): void {
    this.#loop = this.#run();
  }

  /** Writes what is collected. A failure is logged and costs a note, nothing else. */
  async flush(): Promise<void> {
    if (this.#due.size === 0) return;
    const uses = this.#due;
    this.#due = new Map();
    if (this.#notedMs.size + uses.size > NOTED_MAX) this.#notedMs.clear();
    for (const [id, usedAt] of uses) this.#notedMs.set(id, usedAt.getTime());
    await this.#options.write(uses).catch((error: unknown) => this.#options.logger.warn({ err: error, count: uses.size }, "last uses were not written"));
  }

  /** Ends the writing, after what is collected. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    await this.flush();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#options.clock.sleep(FLUSH_MS, signal).catch(() => undefined);
      if (!signal.aborted) await this.flush();
    }
  }
}

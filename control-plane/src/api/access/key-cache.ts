import type { StoredApiKey } from "@fluxo/prisma/access/api-keys";
import type { Clock } from "@fluxo/core/ports/clock";

/** A revoked key is refused after this time at the latest. */
const TTL_MS = 1_000;
const ENTRIES_MAX = 10_000;

interface Entry {
  readonly key: Promise<StoredApiKey | undefined>;
  readonly untilMs: number;
}

/** Remembers keys for a second, unknown ones too; requests of one moment share one query. A failed query is not remembered. */
export class KeyCache {
  readonly #entries = new Map<string, Entry>();
  readonly #resolve: (id: string) => Promise<StoredApiKey | undefined>;
  readonly #clock: Clock;

  constructor(resolve: (id: string) => Promise<StoredApiKey | undefined>, clock: Clock) {
    this.#resolve = resolve;
    this.#clock = clock;
  }

  /** @returns undefined when there is no key with the id */
  async get(id: string): Promise<StoredApiKey | undefined> {
    const nowMs = this.#clock.now().getTime();
    const known = this.#entries.get(id);
    if (known !== undefined && known.untilMs > nowMs) return known.key;
    const key = this.#resolve(id);
    // Deleting first moves the entry to the end, so that the oldest one is always the first.
    this.#entries.delete(id);
    this.#entries.set(id, { key, untilMs: nowMs + TTL_MS });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > ENTRIES_MAX && oldest !== undefined) this.#entries.delete(oldest);
    try {
      return await key;
    } catch (error) {
      this.#entries.delete(id);
      throw error;
    }
  }
}

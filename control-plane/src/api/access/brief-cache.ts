import type { Clock } from "@fluxo/core/ports/clock";

const TTL_MS = 1_000;
const ENTRIES_MAX = 20_000;

interface Entry<V> {
  readonly value: Promise<V | undefined>;
  readonly untilMs: number;
}

/** Remembers what an id stands for, for a second unless told; that it stands for nothing too. Requests of one moment share one query. A failed query is not remembered. */
export class BriefCache<V> {
  readonly #entries = new Map<string, Entry<V>>();
  readonly #resolve: (id: string) => Promise<V | undefined>;
  readonly #clock: Clock;
  readonly #ttlMs: number;

  /** @param ttlMs what changed is noticed after this time at the latest, also when nobody tells */
  constructor(resolve: (id: string) => Promise<V | undefined>, clock: Clock, ttlMs = TTL_MS) {
    this.#resolve = resolve;
    this.#clock = clock;
    this.#ttlMs = ttlMs;
  }

  /** @returns undefined when the id stands for nothing */
  async get(id: string): Promise<V | undefined> {
    const nowMs = this.#clock.now().getTime();
    const known = this.#entries.get(id);
    if (known !== undefined && known.untilMs > nowMs) return known.value;
    const value = this.#resolve(id);
    const entry = { value, untilMs: nowMs + this.#ttlMs };
    // Deleting first moves the entry to the end, so that the oldest one is always the first.
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > ENTRIES_MAX && oldest !== undefined) this.#entries.delete(oldest);
    try {
      return await value;
    } catch (error) {
      if (this.#entries.get(id) === entry) this.#entries.delete(id);
      throw error;
    }
  }

  /** Forgets one id. A query under way is not remembered: it may have read what was before the change. */
  drop(id: string): void {
    this.#entries.delete(id);
  }

  /** Forgets everything. */
  clear(): void {
    this.#entries.clear();
  }
}

import { BREAKER_RULES, recentBuckets, type Bucket, type OpenBreaker, type Successes } from "@fluxo/core/retry/breaker";

/** Between two executions that ask again. Milliseconds. */
const TURN_GAP_MS = 20;
const TURNS_MAX = 500;

/** What one process knows of a breaker without asking anybody. */
export class LocalBreaker {
  #buckets: Bucket[] = [];
  #lastSuccessMs = 0;
  #open: OpenBreaker | undefined;
  #turns = 0;
  #tail: Promise<unknown> = Promise.resolve();

  /** The breaker as it was seen last; undefined while it is thought to be closed. */
  get open(): OpenBreaker | undefined {
    return this.#open;
  }

  /** Successes that were not told yet. */
  get successes(): Successes {
    return { buckets: this.#buckets, lastMs: this.#lastSuccessMs };
  }

  succeeded(nowMs: number): void {
    const slot = Math.floor(nowMs / BREAKER_RULES.bucketMs);
    const last = this.#buckets.at(-1);
    this.#lastSuccessMs = nowMs;
    if (last?.slot === slot) this.#buckets[this.#buckets.length - 1] = { ...last, successes: last.successes + 1 };
    else this.#buckets = [...recentBuckets([...this.#buckets, { slot, successes: 1, failures: 0 }], nowMs)];
  }

  /** The successes are with the others by now. */
  told(told: Successes): void {
    if (told.buckets === this.#buckets) this.#buckets = [];
  }

  /** Takes over what was seen or heard. */
  see(open: OpenBreaker | undefined): void {
    if (open?.probeAtMs !== this.#open?.probeAtMs) this.#turns = 0;
    if (open === undefined) this.#buckets = [];
    this.#open = open;
  }

  /** When the next of those who are refused should ask again, one after the other in the order of their refusals. Milliseconds after the breaker's own instant. */
  nextTurnMs(): number {
    const turn = Math.min(this.#turns, TURNS_MAX);
    this.#turns += 1;
    return turn * TURN_GAP_MS;
  }

  /** Does one thing after the other: transitions of one process never get into each other's way. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(work);
    this.#tail = done.catch(() => undefined);
    return done;
  }
}

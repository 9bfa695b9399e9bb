import type { Clock } from "@fluxo/core/ports/clock";

/** Why a wait ended. `lost`: the connection that wakes was away. */
export type WaitOutcome = "woken" | "lost" | "quiet" | "closed";

/** What one reader waits with. A wake between two waits ends the next one at once. */
export class Waiter {
  readonly #clock: Clock;
  #pending: "woken" | "lost" | undefined;
  #timer: AbortController | undefined;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  wake(isLost: boolean): void {
    this.#pending = isLost || this.#pending === "lost" ? "lost" : "woken";
    this.#timer?.abort();
  }

  /** Ends every wait, now and later. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.abort();
  }

  /** Waits for a wake, `quietMs` at most. */
  async wait(quietMs: number): Promise<WaitOutcome> {
    if (!this.#isClosed && this.#pending === undefined) {
      this.#timer = new AbortController();
      await this.#clock.sleep(quietMs, this.#timer.signal).catch(() => undefined);
      this.#timer = undefined;
    }
    const outcome = this.#pending;
    this.#pending = undefined;
    if (this.#isClosed) return "closed";
    return outcome ?? "quiet";
  }
}

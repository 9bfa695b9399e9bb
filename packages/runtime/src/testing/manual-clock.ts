import type { Clock } from "@fluxo/core/ports/clock";
import { assertDuration } from "../clock.ts";

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/**
 * A clock that moves only when told. Sleeps are measured by `advance` alone, as by a monotonic clock; `setNow` moves the wall clock,
 * also backwards, and wakes nobody.
 */
export class ManualClock implements Clock {
  #elapsedMs = 0;
  #epochMs: number;
  #sleepers: Sleeper[] = [];

  constructor(start: Date | string = "2026-01-01T00:00:00.000Z") {
    this.#epochMs = new Date(start).getTime();
  }

  now(): Date {
    return new Date(this.#epochMs + this.#elapsedMs);
  }

  /** How many sleeps are waiting. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    assertDuration(ms);
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal?.reason);
      };
      const wake = (): void => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      };
      const sleeper: Sleeper = { dueMs: this.#elapsedMs + Math.max(0, ms), wake };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#sleepers.push(sleeper);
    });
  }

  /** Sets the wall clock, without letting time pass. */
  setNow(now: Date | string): void {
    this.#epochMs = new Date(now).getTime() - this.#elapsedMs;
  }

  /**
   * Lets `ms` milliseconds pass. Due sleeps end in order of their instant, then of their start; what they set going gets a turn before
   * the next one, so that a sleep started on the way is also served when it is due. Also `advance(0)` serves what is due now.
   */
  async advance(ms: number): Promise<void> {
    assertDuration(ms);
    const targetMs = this.#elapsedMs + ms;
    await turn();
    for (let next = this.#takeDue(targetMs); next !== undefined; next = this.#takeDue(targetMs)) {
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs);
      next.wake();
      await turn();
    }
    this.#elapsedMs = targetMs;
  }

  #takeDue(targetMs: number): Sleeper | undefined {
    let first: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      if (sleeper.dueMs <= targetMs && (first === undefined || sleeper.dueMs < first.dueMs)) first = sleeper;
    }
    if (first !== undefined) this.#sleepers = this.#sleepers.filter((other) => other !== first);
    return first;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

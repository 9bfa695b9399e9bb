import type { Clock } from "@fluxo/core/ports/clock";
import { claimTriggers, untilNextTrigger, type ClaimedTrigger } from "@fluxo/prisma/dispatch/claim";
import type { Logger } from "@fluxo/runtime/logger";
import type pg from "pg";

export interface ClaimLoopOptions {
  readonly kind: string;
  /** Names this process in its leases; unique among processes. */
  readonly owner: string;
  /** Connections of fluxo_system. */
  readonly system: pg.Pool;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly leaseMs: number;
  readonly batch: number;
  /** Full batches that are dispatched at one time, while more is due. One unless said. */
  readonly atOneTime?: number;
  /** Takes what was claimed. What it does not finish is due again when the lease ends. */
  readonly dispatch: (claimed: readonly ClaimedTrigger[]) => Promise<void>;
}

/** Longest wait between two looks: what is armed meanwhile (a publish, a resume) waits no longer than this. */
const IDLE_MS_MAX = 500;
const FAILURE_MS = 1_000;

/**
 * Claims what is due and has it dispatched, again and again. Between two claims it sleeps until the next trigger is due by the database's clock, so
 * that an instant is met within milliseconds and an idle dispatcher asks twice a second.
 */
export class ClaimLoop {
  readonly #options: ClaimLoopOptions;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;
  #hasFailed = false;

  constructor(options: ClaimLoopOptions) {
    this.#options = options;
  }

  /** One claim with its dispatch. @returns how many triggers were claimed. @throws what the database or `dispatch` threw */
  async tick(): Promise<number> {
    const { system, kind, owner, leaseMs, batch, dispatch } = this.#options;
    const claimed = await claimTriggers(system, { kind, owner, leaseMs, limit: batch });
    if (claimed.length > 0) await dispatch(claimed);
    return claimed.length;
  }

  start(): void {
    this.#loop ??= this.#work();
  }

  /** Claims nothing more; resolves when everything that was claimed is dispatched. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #work(): Promise<void> {
    const { clock } = this.#options;
    const running = new Set<Promise<void>>();
    while (!this.#stopping.signal.aborted) {
      let waitMs = 0;
      await this.#guard(async () => {
        waitMs = await this.#round(running);
      });
      if (this.#hasFailed) waitMs = FAILURE_MS;
      this.#hasFailed = false;
      if (waitMs > 0) await clock.sleep(waitMs, this.#stopping.signal).catch(() => undefined);
    }
    await Promise.all(running);
  }

  /**
   * One claim. While batches are full, the next one is claimed before they are dispatched.
   * @param running dispatches under way
   * @returns milliseconds until the next round
   */
  async #round(running: Set<Promise<void>>): Promise<number> {
    const { system, kind, owner, leaseMs, batch, dispatch, atOneTime = 1 } = this.#options;
    const claimed = await claimTriggers(system, { kind, owner, leaseMs, limit: batch });
    if (claimed.length === 0) {
      await Promise.all(running);
      return Math.min((await untilNextTrigger(system, kind)) ?? IDLE_MS_MAX, IDLE_MS_MAX);
    }
    const work: Promise<void> = this.#guard(() => dispatch(claimed)).finally(() => running.delete(work));
    running.add(work);
    if (claimed.length < batch) await work;
    else if (running.size >= atOneTime) await Promise.race(running);
    return 0;
  }

  /** Tells a failure, after which the loop waits. */
  async #guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#hasFailed = true;
      this.#options.logger.error({ err: error, kind: this.#options.kind }, "dispatch failed; what was claimed is due again when its lease ends");
    }
  }
}

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
  /** Takes what was claimed; the next claim waits for it. What it does not finish is due again when the lease ends. */
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

  /** Claims nothing more; resolves when what was claimed is dispatched. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #work(): Promise<void> {
    const { clock, logger, kind } = this.#options;
    while (!this.#stopping.signal.aborted) {
      const waitMs = await this.#round().catch((error: unknown) => {
        logger.error({ err: error, kind }, "dispatch failed; what was claimed is due again when its lease ends");
        return FAILURE_MS;
      });
      if (waitMs > 0) await clock.sleep(waitMs, this.#stopping.signal).catch(() => undefined);
    }
  }

  /** @returns milliseconds until the next round */
  async #round(): Promise<number> {
    if ((await this.tick()) > 0) return 0;
    const waitMs = await untilNextTrigger(this.#options.system, this.#options.kind);
    return Math.min(waitMs ?? IDLE_MS_MAX, IDLE_MS_MAX);
  }
}

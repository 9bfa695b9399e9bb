import type { Clock } from "@fluxo/core/ports/clock";
import { forgetAnswers } from "@fluxo/prisma/access/requests";
import { forgetExpired } from "@fluxo/prisma/executions/memory";
import { drainParked } from "@fluxo/prisma/relay/drain";
import { sweep, type SweepKind } from "@fluxo/prisma/relay/sweep";
import type { Logger } from "@fluxo/runtime/logger";
import { Rounds } from "@fluxo/runtime/rounds";
import type { SystemDb } from "./relay.ts";

export interface SweeperOptions {
  readonly db: SystemDb;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a released execution may take to start. */
  readonly staleMs: number;
  readonly limit?: number;
  readonly intervalMs?: number;
  /** Told how many executions of a kind were woken. */
  readonly onWoken?: (kind: SweepKind, count: number) => void;
}

const LIMIT = 500;
const INTERVAL_MS = 2_000;
/** Tenants whose parked executions one sweep looks at. */
const DRAIN_TENANTS_MAX = 500;

/** What nodes remember, and what was answered under idempotency keys, is forgotten in portions: so many rows of a table, this often, or at once again when there is more. */
const FORGET_LIMIT = 5_000;
const FORGET_INTERVAL_MS = 60_000;

/**
 * Orders wake-ups for executions that should have moved and did not, and calls out parked ones that there is room for again, again and again. Several sweepers do no harm: each row is woken once, under its
 * lock. The wake-ups go through the outbox, which wakes the relay.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #rounds: Rounds;
  #forgetAt = 0;

  constructor(options: SweeperOptions) {
    const { clock, logger, limit = LIMIT, intervalMs = INTERVAL_MS } = options;
    this.#options = options;
    const round = async (): Promise<number> => {
      const woken = await this.tick().finally(() => this.#forget());
      return woken < limit ? intervalMs : 0;
    };
    this.#rounds = new Rounds({ clock, logger, round, failure: "sweep failed", failedRestMs: intervalMs });
  }

  /** One sweep. @returns how many were woken. @throws when PostgreSQL fails */
  async tick(): Promise<number> {
    const { db, logger, staleMs, limit = LIMIT, onWoken } = this.#options;
    const woken = await sweep(db, staleMs, limit);
    let total = 0;
    for (const [kind, count] of woken) {
      total += count;
      logger.info({ kind, count }, "executions were woken");
      onWoken?.(kind, count);
    }
    const called = await drainParked(db, DRAIN_TENANTS_MAX);
    if (called > 0) logger.info({ count: called }, "parked executions were called out");
    return total;
  }

  start(): void {
    this.#rounds.start();
  }

  /** Resolves when the sweep that runs is finished. */
  stop(): Promise<void> {
    return this.#rounds.stop();
  }

  /** Forgets a portion of what expired, when it is time. */
  async #forget(): Promise<void> {
    const { db, clock, logger } = this.#options;
    const now = clock.now().getTime();
    if (now < this.#forgetAt) return;
    this.#forgetAt = now + FORGET_INTERVAL_MS;
    for (const forget of [forgetExpired, forgetAnswers]) {
      const forgotten = await forget(db, FORGET_LIMIT).catch((error: unknown) => {
        logger.error({ err: error }, "what expired could not be forgotten");
        return 0;
      });
      if (forgotten >= FORGET_LIMIT) this.#forgetAt = now;
    }
  }
}

import type { Clock } from "@fluxo/core/ports/clock";
import { countUsageDifferences } from "@fluxo/prisma/usage/differences";
import { rollUsage } from "@fluxo/prisma/usage/roll";
import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";
import { Rounds } from "@fluxo/runtime/rounds";

export interface UsageRollerOptions {
  /** Connections of fluxo_system. */
  readonly db: Parameters<typeof rollUsage>[0];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "usageEventsRolled" | "usageLag" | "usageDifferences">;
  /** Events of one transaction. */
  readonly limit?: number;
}

const LIMIT = 20_000;
const INTERVAL_MS = 5_000;
/** How often the books are checked, and how far back: every event is looked at in several checks. */
const CHECK_INTERVAL_MS = 600_000;
const CHECKED_MS = 3 * 3_600_000;

/**
 * Adds usage events to the sums by hour and by day, and checks now and then that the sums fit executions, journal and files. Several rollers take turns at
 * one row; one that dies in the middle leaves nothing half done.
 */
export class UsageRoller {
  readonly #options: UsageRollerOptions;
  readonly #rounds: Rounds;
  #checkAt = 0;

  constructor(options: UsageRollerOptions) {
    const { clock, logger } = options;
    this.#options = options;
    const round = async (): Promise<number> => {
      const hasMore = await this.tick().finally(() => this.#checkWhenDue());
      return hasMore ? 0 : INTERVAL_MS;
    };
    this.#rounds = new Rounds({ clock, logger, round, failure: "usage was not rolled up; the next round does it", failedRestMs: INTERVAL_MS });
  }

  /** Rolls up a portion. @returns whether more is ready. @throws when PostgreSQL fails */
  async tick(): Promise<boolean> {
    const { db, clock, metrics, limit = LIMIT } = this.#options;
    const { events, hasMore, oldestAt } = await rollUsage(db, limit);
    metrics.usageEventsRolled.inc(events);
    metrics.usageLag.set(oldestAt === null ? 0 : Math.max(0, (clock.now().getTime() - oldestAt.getTime()) / 1_000));
    return hasMore;
  }

  /** Checks the last hours. @returns sums that do not balance. @throws when PostgreSQL fails */
  async check(): Promise<number> {
    const { db, clock, logger, metrics } = this.#options;
    const now = clock.now().getTime();
    const differences = await countUsageDifferences(db, new Date(now - CHECKED_MS), new Date(now));
    metrics.usageDifferences.set(differences);
    if (differences > 0) logger.error({ differences }, "usage does not balance with executions, journal and files");
    return differences;
  }

  start(): void {
    this.#rounds.start();
  }

  /** Resolves when the portion that runs is finished. */
  stop(): Promise<void> {
    return this.#rounds.stop();
  }

  async #checkWhenDue(): Promise<void> {
    const { clock, logger } = this.#options;
    const now = clock.now().getTime();
    if (now < this.#checkAt) return;
    this.#checkAt = now + CHECK_INTERVAL_MS;
    await this.check().catch((error: unknown) => logger.error({ err: error }, "usage was not checked"));
  }
}

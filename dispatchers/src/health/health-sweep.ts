import type { Clock } from "@fluxo/core/ports/clock";
import { countTriggerHealth, findFailingCredentials, markSilentTriggers, type AudibleTrigger } from "@fluxo/prisma/dispatch/health";
import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";
import { Rounds } from "@fluxo/runtime/rounds";
import type pg from "pg";

export interface HealthSweepOptions {
  /** Connections of fluxo_system. */
  readonly system: pg.Pool;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "triggersSilent" | "triggersFailing" | "credentialsFailing">;
  /** Sources that one sweep looks at, at most. */
  readonly limit?: number;
  readonly intervalMs?: number;
}

const LIMIT = 1_000;
const INTERVAL_MS = 30_000;
const CREDENTIALS_MAX = 1_000;

/**
 * Notices silence and tells how triggers are, again and again. What it counts is of the whole installation, so every dispatcher says the same; an alert
 * takes the highest. Each sweep is bounded and goes on where the one before ended.
 */
export class HealthSweep {
  readonly #options: HealthSweepOptions;
  readonly #rounds: Rounds;
  #last: AudibleTrigger | undefined;
  #deadCredentials: ReadonlySet<string> = new Set();

  constructor(options: HealthSweepOptions) {
    const { clock, logger, intervalMs = INTERVAL_MS } = options;
    this.#options = options;
    this.#rounds = new Rounds({ clock, logger, round: () => this.tick().then(() => intervalMs), failure: "health sweep failed", failedRestMs: intervalMs });
  }

  /** One sweep. @returns whether there is more to look at. @throws when PostgreSQL fails */
  async tick(): Promise<boolean> {
    const { system, limit = LIMIT } = this.#options;
    const found = await markSilentTriggers(system, this.#last, limit);
    for (const { tenantId, triggerId, kind, itemSeenAt, isSilent } of found) {
      if (isSilent) this.#options.logger.warn({ event: "trigger_silent", tenantId, triggerId, kind, itemSeenAt }, "nothing comes from a trigger for much longer than usual");
    }
    const hasMore = found.length === limit;
    this.#last = hasMore ? found.at(-1) : undefined;
    await this.#count();
    await this.#tellCredentials();
    return hasMore;
  }

  start(): void {
    this.#rounds.start();
  }

  /** Resolves when the sweep that runs is finished. */
  stop(): Promise<void> {
    return this.#rounds.stop();
  }

  async #count(): Promise<void> {
    const { system, metrics } = this.#options;
    const kinds = await countTriggerHealth(system);
    metrics.triggersSilent.reset();
    metrics.triggersFailing.reset();
    for (const { kind, silent, failing } of kinds) {
      metrics.triggersSilent.set({ kind }, silent);
      metrics.triggersFailing.set({ kind }, failing);
    }
  }

  /** One line per credential when it dies, not one per trigger that uses it. */
  async #tellCredentials(): Promise<void> {
    const { system, metrics, logger } = this.#options;
    const failing = await findFailingCredentials(system, CREDENTIALS_MAX);
    metrics.credentialsFailing.set(failing.length);
    for (const { tenantId, credentialId, triggers } of failing) {
      if (!this.#deadCredentials.has(credentialId)) logger.warn({ event: "credential_dead", tenantId, credentialId, triggers }, "a credential of triggers is refused");
    }
    this.#deadCredentials = new Set(failing.map(({ credentialId }) => credentialId));
  }
}

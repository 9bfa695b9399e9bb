import { toNodeFailure } from "@fluxo/core/errors/failure";
import type { IdSource } from "@fluxo/core/ports/clock";
import { claimDryReruns, finishDryRerun, loadDryRerun, type DryRerunEnd, type LeasedDryRerun } from "@fluxo/prisma/executions/dry-rerun";
import type { Logger } from "@fluxo/runtime/logger";
import { Rounds } from "@fluxo/runtime/rounds";
import { DRY_RERUN_MS_MAX, runDry } from "./dry-rerun.ts";
import type { NodeTools } from "./node-runner.ts";

/** Connections of one role. */
type Db = Parameters<typeof claimDryReruns>[0];

export interface DryTakerOptions {
  /** Connections of fluxo_app. */
  readonly app: Db;
  /** Connections of fluxo_system. */
  readonly system: Db;
  /** Names this worker in its leases. */
  readonly owner: string;
  readonly tools: NodeTools;
  readonly ids: IdSource;
  readonly logger: Logger;
  /** Dry reruns that this worker has in work at the same time. */
  readonly parallelMax?: number;
  readonly intervalMs?: number;
}

const PARALLEL_MAX = 2;
const INTERVAL_MS = 1_000;
/** Longer than a dry rerun may take, with room for its writes: a lease that is over means a worker that is gone. */
const LEASE_MS = DRY_RERUN_MS_MAX + 30_000;

/** Takes dry reruns and runs them, beside the executions: few at a time, one of a tenant, and without a slot or a quota. */
export class DryTaker {
  readonly #options: DryTakerOptions;
  readonly #rounds: Rounds;

  constructor(options: DryTakerOptions) {
    const { tools, logger, intervalMs = INTERVAL_MS } = options;
    this.#options = options;
    this.#rounds = new Rounds({ clock: tools.clock, logger, round: async () => ((await this.tick()) === 0 ? intervalMs : 0), failure: "round of dry reruns failed", failedRestMs: intervalMs });
  }

  /** One round: takes what there is, runs it, writes the results. @returns how many. @throws when PostgreSQL fails */
  async tick(): Promise<number> {
    const { system, owner, parallelMax = PARALLEL_MAX } = this.#options;
    const leased = await claimDryReruns(system, owner, LEASE_MS, parallelMax);
    await Promise.all(leased.map((dryRerun) => this.#run(dryRerun)));
    return leased.length;
  }

  start(): void {
    this.#rounds.start();
  }

  /** What runs is given up; another worker takes it when its lease is over. */
  stop(): Promise<void> {
    return this.#rounds.stop();
  }

  async #run(dryRerun: LeasedDryRerun): Promise<void> {
    const { app, owner, logger } = this.#options;
    try {
      const task = await loadDryRerun(app, dryRerun);
      if (task === undefined) return;
      const end: DryRerunEnd = await runDry({ ...this.#options, tenantId: dryRerun.tenantId, task, signal: this.#rounds.signal }).then((result) => ({ result }), (error: unknown) => ({ error: told(error) }));
      if (!this.#rounds.signal.aborted) await finishDryRerun(app, owner, dryRerun, end);
    } catch (error) {
      logger.error({ err: error, tenantId: dryRerun.tenantId, dryRerunId: dryRerun.id }, "dry rerun failed; it is taken again when its lease is over");
    }
  }
}

function told(error: unknown): { readonly code: string; readonly message: string } {
  const { code, message } = toNodeFailure(error, { id: "", type: "", integration: null, attempt: 0 }, new Date(0));
  return { code, message };
}

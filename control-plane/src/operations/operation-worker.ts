import type { CancelMessage } from "@fluxo/contracts/channels/cancel";
import type { Clock } from "@fluxo/core/ports/clock";
import { claimTurns, isTurnOver, keepTurn, PARKED_AFTER, PARKED_REST_MS, releaseTurn, type OperationKind, type OperationTurn } from "@fluxo/prisma/operations/turns";
import type { Logger } from "@fluxo/runtime/logger";
import type { Metrics } from "@fluxo/runtime/metrics";
import { Rounds } from "@fluxo/runtime/rounds";

/** What a turn came to. */
export interface TurnEnd {
  /** How much it did, in the kind's own unit. */
  readonly worked: number;
  /** The next turn is so much later at the earliest, in milliseconds. */
  readonly restMs?: number;
  /** Running executions whose workers have to hear that they are to end. */
  readonly canceled?: readonly { readonly tenantId: string; readonly executionId: string }[];
}

/**
 * One kind of operations in the background: what a turn does. Each of its transactions begins by holding the turn (`holdTurn`, `fluxo_operation_hold`) and
 * ends with the mark of what it did, so that a crash anywhere leaves it done or undone, and whoever lost the operation writes nothing.
 */
export interface OperationWork {
  readonly kind: OperationKind;
  /** Between two rounds of which the first did something, in milliseconds. */
  readonly intervalMs: number;
  /** @param signal aborts when the process stops or the turn is lost: end between two transactions then @throws what failed: the turn is repeated later */
  turn(turn: OperationTurn, signal: AbortSignal): Promise<TurnEnd>;
}

/** Connections of one role. */
type Db = Parameters<typeof claimTurns>[0];

export interface OperationWorkerOptions {
  /** Connections of fluxo_system: finds and leases what is due. */
  readonly system: Db;
  /** Names this process in its leases. */
  readonly owner: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "operationTurns">;
  /** Tells running workers of a cancel. Best effort: they see it at their next heartbeat. */
  readonly publishCancel: (message: CancelMessage) => Promise<void>;
  readonly leaseMs?: number;
  /** Operations of one round. */
  readonly roundMax?: number;
}

const LEASE_MS = 30_000;
const ROUND_MAX = 20;
const IDLE_INTERVAL_MS = 1_000;
const BACK_OFF_MS = { first: 1_000, last: 300_000 } as const;

/**
 * Works the operations of one kind, a turn of each tenant or agency after the other. Several workers share the work by leases, which last as long as the
 * process lives. A turn that fails is repeated later and later; after ten in a row the operation is parked: it is tried once an hour.
 */
export class OperationWorker {
  readonly #work: OperationWork;
  readonly #options: OperationWorkerOptions;
  readonly #rounds: Rounds;

  constructor(work: OperationWork, options: OperationWorkerOptions) {
    const { clock, logger } = options;
    this.#work = work;
    this.#options = options;
    this.#rounds = new Rounds({
      clock,
      logger: logger.child({ kind: work.kind }),
      round: async () => ((await this.tick()) > 0 ? work.intervalMs : IDLE_INTERVAL_MS),
      failure: "round of operations failed",
      failedRestMs: IDLE_INTERVAL_MS,
    });
  }

  /** One round: a turn of each operation that is due, of one per tenant or agency. @returns how much was done. @throws when PostgreSQL fails */
  async tick(): Promise<number> {
    const { system, owner, leaseMs = LEASE_MS, roundMax = ROUND_MAX } = this.#options;
    let worked = 0;
    for (const turn of await claimTurns(system, this.#work.kind, owner, leaseMs, roundMax)) {
      if (this.#rounds.signal.aborted) await releaseTurn(system, turn, turn.attempts - 1, 0);
      else worked += await this.#have(turn);
    }
    return worked;
  }

  start(): void {
    this.#rounds.start();
  }

  /** Resolves when the turn that runs is finished; the others of its round are given back. */
  stop(): Promise<void> {
    return this.#rounds.stop();
  }

  async #have(turn: OperationTurn): Promise<number> {
    const { system, logger, metrics } = this.#options;
    const { kind, scopeId, id, attempts } = turn;
    const ended = new AbortController();
    const lost = new AbortController();
    void this.#keep(turn, ended.signal, lost);
    try {
      const { worked, restMs = 0, canceled = [] } = await this.#work.turn(turn, AbortSignal.any([this.#rounds.signal, lost.signal]));
      metrics.operationTurns.inc({ kind, outcome: "done" });
      await this.#tell(canceled);
      await releaseTurn(system, turn, 0, restMs);
      return worked;
    } catch (error) {
      const isOver = isTurnOver(error);
      metrics.operationTurns.inc({ kind, outcome: isOver ? "lost" : "failed" });
      if (!isOver) logger.error({ err: error, kind, scopeId, operationId: id, attempts, isParked: attempts >= PARKED_AFTER }, "turn of an operation failed; it is repeated");
      await (isOver ? releaseTurn(system, turn, 0, 0) : releaseTurn(system, turn, attempts, backOffMs(attempts)));
      return 0;
    } finally {
      ended.abort();
    }
  }

  /** Keeps the lease until the turn has ended, or is another's. */
  async #keep(turn: OperationTurn, ended: AbortSignal, lost: AbortController): Promise<void> {
    const { system, clock, logger, leaseMs = LEASE_MS } = this.#options;
    const isDue = (): Promise<boolean> => clock.sleep(leaseMs / 3, ended).then(() => true, () => false);
    while (!lost.signal.aborted && (await isDue())) {
      await keepTurn(system, turn, leaseMs).catch((error: unknown) => {
        if (isTurnOver(error)) lost.abort();
        else logger.warn({ err: error, operationId: turn.id }, "lease of an operation was not kept");
      });
    }
  }

  async #tell(canceled: NonNullable<TurnEnd["canceled"]>): Promise<void> {
    const { publishCancel, logger } = this.#options;
    await Promise.all(canceled.map((execution) => publishCancel({ version: 1, ...execution }))).catch((error: unknown) => logger.warn({ err: error }, "workers were not told of a cancel; they see it at their next heartbeat"));
  }
}

/** How long after a failed turn the next one may begin. */
function backOffMs(attempts: number): number {
  return attempts >= PARKED_AFTER ? PARKED_REST_MS : Math.min(BACK_OFF_MS.last, BACK_OFF_MS.first * 2 ** (attempts - 1));
}

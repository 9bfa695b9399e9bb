import type { Clock, IdSource } from "@fluxo/core/ports/clock";
import { claimBulkOperations, workBulkOperation, type LeasedBulkOperation } from "@fluxo/prisma/executions/bulk";
import type { Logger } from "@fluxo/runtime/logger";

/** Connections of one role. */
type Db = Parameters<typeof claimBulkOperations>[0];

export interface BulkWorkerOptions {
  /** Connections of fluxo_system: finds and leases what is due. */
  readonly system: Db;
  /** Connections of fluxo_app: acts for one tenant at a time. */
  readonly app: Db;
  /** Names this process in its leases; unique among processes. */
  readonly owner: string;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
  /** Executions of one operation in one turn. */
  readonly batchMax?: number;
  /** Operations of one round. */
  readonly operationsMax?: number;
  readonly leaseMs?: number;
  readonly intervalMs?: number;
}

const BATCH_MAX = 50;
const OPERATIONS_MAX = 20;
const LEASE_MS = 30_000;
const INTERVAL_MS = 250;
const IDLE_INTERVAL_MS = 1_000;

/**
 * Works on bulk operations, one turn of each tenant after the other. Several workers share the work by leases. A worker that dies in the middle leaves
 * nothing half done: each turn is one transaction, and the lease it held runs out.
 */
export class BulkWorker {
  readonly #options: BulkWorkerOptions;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: BulkWorkerOptions) {
    this.#options = options;
  }

  /** One round: a turn of each operation that is due, of one operation per tenant. @returns executions that were looked at. @throws when PostgreSQL fails */
  async tick(): Promise<number> {
    const { system, owner, leaseMs = LEASE_MS, operationsMax = OPERATIONS_MAX } = this.#options;
    let worked = 0;
    for (const operation of await claimBulkOperations(system, owner, leaseMs, operationsMax)) {
      worked += await this.#turn(operation);
    }
    return worked;
  }

  start(): void {
    this.#loop ??= this.#work();
  }

  /** Resolves when the round that runs is finished. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  /** An operation whose turn fails has another one when its lease is over; the others of the round have theirs. */
  async #turn(operation: LeasedBulkOperation): Promise<number> {
    const { app, owner, ids, logger, batchMax = BATCH_MAX } = this.#options;
    const { tenantId, id } = operation;
    try {
      const newIds = Array.from({ length: 2 * batchMax }, () => ids.next());
      const turn = await workBulkOperation(app, owner, operation, newIds);
      if (turn?.isFinished === true) logger.info({ tenantId, bulkOperationId: id }, "bulk operation is done");
      return turn?.worked ?? 0;
    } catch (error) {
      logger.error({ err: error, tenantId, bulkOperationId: id }, "turn of a bulk operation failed; it is repeated");
      return 0;
    }
  }

  async #work(): Promise<void> {
    const { clock, logger, intervalMs = INTERVAL_MS } = this.#options;
    while (!this.#stopping.signal.aborted) {
      const worked = await this.tick().catch((error: unknown) => {
        logger.error({ err: error }, "round of bulk operations failed");
        return 0;
      });
      await clock.sleep(worked > 0 ? intervalMs : Math.max(intervalMs, IDLE_INTERVAL_MS), this.#stopping.signal).catch(() => undefined);
    }
  }
}

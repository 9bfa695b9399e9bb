import type { Clock, IdSource } from "@fluxo/core/ports/clock";
import { localTimeOf, timeZoneOf } from "@fluxo/core/schedule/preview";
import type { MissingReason } from "@fluxo/core/schedule/why";
import { claimBackfills, workBackfill, type BackfillInstant, type LeasedBackfill } from "@fluxo/prisma/executions/backfills";
import type { TenantDb } from "@fluxo/prisma/database/tenant-db";
import { abortBackfill } from "@fluxo/prisma/repositories/backfills";
import type { Logger } from "@fluxo/runtime/logger";
import { requireSource, ruleOf, type SourceTrigger } from "../api/handlers/triggers/find-watched.ts";
import { decideInstants, type DecidedInstant } from "../api/handlers/triggers/schedule-instants.ts";

/** Connections of one role. */
type Db = Parameters<typeof claimBackfills>[0];

export interface BackfillWorkerOptions {
  /** Connections of fluxo_system: finds and leases what is due. */
  readonly system: Db;
  /** Connections of fluxo_app: acts for one tenant at a time. */
  readonly app: Db;
  readonly tenantDb: TenantDb;
  /** Names this process in its leases; unique among processes. */
  readonly owner: string;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
  readonly leaseMs?: number;
}

/** Instants of one turn. */
const BATCH_MAX = 50;
/** Backfills of one round. */
const BACKFILLS_MAX = 20;
/** A backfill starts nothing while its tenant has so many executions that wait to start. */
const QUEUED_MAX = 50;
const LEASE_MS = 30_000;
const INTERVAL_MS = 250;
const IDLE_INTERVAL_MS = 1_000;
/** These the dispatcher may still start. */
const OPEN: ReadonlySet<MissingReason> = new Set(["NOT_DUE_YET", "PENDING", "BUFFERED"]);

/**
 * Works on backfills, one turn of each tenant after the other: some instants, in one transaction with the place where the backfill goes on. Several workers share the work by
 * leases; one that dies leaves nothing half done. Instants that came due by themselves are never behind it: dispatchers do not wait for it, and it waits for the tenant's queue.
 */
export class BackfillWorker {
  readonly #options: BackfillWorkerOptions;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: BackfillWorkerOptions) {
    this.#options = options;
  }

  /** One round: a turn of each backfill that is due, of one per tenant. @returns how many had a turn that started something. @throws when PostgreSQL fails */
  async tick(): Promise<number> {
    const { system, owner, leaseMs = LEASE_MS } = this.#options;
    let worked = 0;
    for (const backfill of await claimBackfills(system, owner, leaseMs, BACKFILLS_MAX)) if ((await this.#turn(backfill)) > 0) worked += 1;
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

  /** A backfill whose turn fails has another one when its lease is over; the others of the round have theirs. */
  async #turn(backfill: LeasedBackfill): Promise<number> {
    const { app, owner, logger } = this.#options;
    const { tenantId, id } = backfill;
    try {
      const due = await this.#instantsOf(backfill);
      if (due === undefined) return 0;
      const { instants, rest } = due;
      const turn = await workBackfill(app, owner, backfill, instants, rest, QUEUED_MAX);
      if (turn !== undefined && turn.status !== "RUNNING") logger.info({ tenantId, backfillId: id, status: turn.status }, "backfill has ended");
      return turn?.started ?? 0;
    } catch (error) {
      logger.error({ err: error, tenantId, backfillId: id }, "turn of a backfill failed; it is repeated");
      return 0;
    }
  }

  /** The next instants of the schedule as it is now; undefined, and the backfill is over, when the trigger is none any more. */
  async #instantsOf({ tenantId, id, triggerId, nextFrom, to }: LeasedBackfill): Promise<{ readonly instants: readonly BackfillInstant[]; readonly rest: Date | undefined } | undefined> {
    const { tenantDb, clock } = this.#options;
    return tenantDb.withTenant(tenantId, async (db) => {
      const trigger = await requireSource(db, tenantId, triggerId);
      if (trigger.kind !== "schedule") {
        await abortBackfill(db, tenantId, id, "TRIGGER_OFF", clock.now());
        return undefined;
      }
      const decided = await decideInstants(db, tenantId, trigger, { from: nextFrom, to, limit: BATCH_MAX }, clock.now());
      return { instants: decided.instants.map((instant) => ({ at: instant.at, item: isOpen(instant) ? this.#itemOf(tenantId, trigger, instant.at) : undefined })), rest: decided.nextFrom };
    });
  }

  #itemOf(tenantId: string, trigger: SourceTrigger, at: Date): NonNullable<BackfillInstant["item"]> {
    const { ids, clock } = this.#options;
    const scheduledAt = at.toISOString();
    const timeZone = timeZoneOf(ruleOf(trigger).recurrence);
    const input = { scheduledAt, localTime: localTimeOf(at, timeZone), timeZone, lateMs: clock.now().getTime() - at.getTime(), missed: 0, backfill: true };
    return { tenantId, triggerId: trigger.id, occurrenceKey: `backfill:${scheduledAt}`, executionId: ids.next(), input, payloadId: ids.next(), occurredAt: at };
  }

  async #work(): Promise<void> {
    const { clock, logger } = this.#options;
    while (!this.#stopping.signal.aborted) {
      const worked = await this.tick().catch((error: unknown) => {
        logger.error({ err: error }, "round of backfills failed");
        return 0;
      });
      await clock.sleep(worked > 0 ? INTERVAL_MS : IDLE_INTERVAL_MS, this.#stopping.signal).catch(() => undefined);
    }
  }
}

/** Whether an instant has no execution and will not get one by itself. */
function isOpen(instant: DecidedInstant): boolean {
  return instant.occurrence === undefined ? !OPEN.has(instant.reason) : instant.occurrence.reason !== "ACCEPTED";
}

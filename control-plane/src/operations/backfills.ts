import type { Clock, IdSource } from "@fluxo/core/ports/clock";
import { localTimeOf, timeZoneOf } from "@fluxo/core/schedule/preview";
import type { MissingReason } from "@fluxo/core/schedule/why";
import type { TenantDb } from "@fluxo/prisma/database/tenant-db";
import { filterOf, filterRefusal } from "@fluxo/nodes/filters/evaluate";
import { workBackfill, type BackfillInstant } from "@fluxo/prisma/executions/backfills";
import { QUEUED_MAX } from "@fluxo/prisma/executions/queue";
import { holdTurn, type OperationTurn } from "@fluxo/prisma/operations/turns";
import { abortBackfill, findRunningBackfill } from "@fluxo/prisma/repositories/backfills";
import type { Logger } from "@fluxo/runtime/logger";
import { requireSource, ruleOf, type SourceTrigger } from "../triggers/find-watched.ts";
import { decideInstants, type DecidedInstant } from "../triggers/schedule-instants.ts";
import type { OperationWork } from "./operation-worker.ts";

export interface BackfillPorts {
  /** Connections of fluxo_app: acts for one tenant at a time. */
  readonly app: Parameters<typeof workBackfill>[0];
  readonly tenantDb: TenantDb;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
}

interface DueInstants {
  readonly instants: readonly BackfillInstant[];
  /** Where those after them begin; undefined: there are none. */
  readonly rest: Date | undefined;
}

/** Instants of one turn. */
const BATCH_MAX = 50;
/** How long it waits while the queue of its tenant is full. */
const QUEUED_REST_MS = 1_000;
/** These the dispatcher may still start. */
const OPEN: ReadonlySet<MissingReason> = new Set(["NOT_DUE_YET", "PENDING", "BUFFERED"]);

/**
 * Backfills: a turn starts as many instants as the pace and the tenant's queue allow, in one transaction with the place where it goes on. Instants that came
 * due by themselves are never behind it: dispatchers do not wait for it, and it waits for the queue.
 */
export function backfills(ports: BackfillPorts): OperationWork {
  return {
    kind: "backfill",
    intervalMs: 250,
    async turn(turn) {
      const due = await nextInstants(turn, ports);
      if (due === undefined) return { worked: 0 };
      const { started, status, isHeld } = await workBackfill(ports.app, turn, due.instants, due.rest, QUEUED_MAX);
      if (status !== "RUNNING") ports.logger.info({ tenantId: turn.scopeId, backfillId: turn.id, status }, "backfill has ended");
      return { worked: started, restMs: isHeld ? QUEUED_REST_MS : 0 };
    },
  };
}

/** The next instants of the schedule as it is now; undefined, and the backfill is over, when the trigger is none any more. */
function nextInstants(turn: OperationTurn, ports: BackfillPorts): Promise<DueInstants | undefined> {
  const { scopeId: tenantId, id } = turn;
  const now = ports.clock.now();
  return ports.tenantDb.withTenant(tenantId, async (db) => {
    await holdTurn(db, turn);
    const { triggerId, nextFrom: from, toAt: to } = await findRunningBackfill(db, tenantId, id);
    const trigger = await requireSource(db, tenantId, triggerId);
    if (trigger.kind !== "schedule") {
      await abortBackfill(db, tenantId, id, "TRIGGER_OFF", now);
      return undefined;
    }
    const { instants, nextFrom: rest } = await decideInstants(db, tenantId, trigger, { from, to, limit: BATCH_MAX }, now);
    const filter = filterOf(trigger.config);
    const itemOf = ({ at }: DecidedInstant): BackfillInstant["item"] => {
      const item = toItem(tenantId, trigger, at, ports);
      return filter === undefined || filterRefusal(filter, item.input) === undefined ? item : undefined;
    };
    return { instants: instants.map((instant) => ({ at: instant.at, item: isOpen(instant) ? itemOf(instant) : undefined })), rest };
  });
}

function toItem(tenantId: string, trigger: SourceTrigger, at: Date, { ids, clock }: BackfillPorts): NonNullable<BackfillInstant["item"]> {
  const scheduledAt = at.toISOString();
  const timeZone = timeZoneOf(ruleOf(trigger).recurrence);
  const input = { scheduledAt, localTime: localTimeOf(at, timeZone), timeZone, lateMs: clock.now().getTime() - at.getTime(), missed: 0, backfill: true };
  return { tenantId, triggerId: trigger.id, occurrenceKey: `backfill:${scheduledAt}`, executionId: ids.next(), input, payloadId: ids.next(), occurredAt: at };
}

/** Whether an instant has no execution and will not get one by itself. */
function isOpen(instant: DecidedInstant): boolean {
  return instant.occurrence === undefined ? !OPEN.has(instant.reason) : instant.occurrence.reason !== "ACCEPTED";
}

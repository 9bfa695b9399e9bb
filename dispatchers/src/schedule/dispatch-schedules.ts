import { createHash } from "node:crypto";
import type { IdSource } from "@fluxo/core/ports/clock";
import { decideDue, type Due, type Fire, type ScheduleCursor, type Skip } from "@fluxo/core/schedule/due";
import { isTerminal } from "@fluxo/core/status/execution-status";
import { filterOf, filterRefusal } from "@fluxo/nodes/filters/evaluate";
import { scheduleParamsSchema } from "@fluxo/nodes/trigger-schedule/definition";
import { scheduleRule, type ScheduleRule } from "@fluxo/nodes/trigger-schedule/rule";
import type { ClaimedTrigger } from "@fluxo/prisma/dispatch/claim";
import { commitDispatch, type DispatchOutcome, type SeenItem } from "@fluxo/prisma/dispatch/commit";
import { commitSchedules, isPlain } from "@fluxo/prisma/dispatch/schedule-commit";
import { cancelExecution } from "@fluxo/prisma/executions/cancel";
import type { Logger } from "@fluxo/runtime/logger";
import { DateTime } from "luxon";
import type pg from "pg";
import { z } from "zod";

export interface ScheduleDispatchOptions {
  readonly owner: string;
  /** Connections of fluxo_app. */
  readonly app: pg.Pool;
  /** Connections of fluxo_system. */
  readonly system: pg.Pool;
  readonly ids: IdSource;
  readonly logger: Logger;
}

const cursorSchema = z.object({ lastAt: z.iso.datetime(), bufferedAt: z.iso.datetime().optional() });
/** A schedule that cannot be read is looked at again after this. */
const BROKEN_MS = 3_600_000;

/**
 * Decides what claimed schedules have due and commits it: what is plain in one statement over all tenants, the rest in another. Time is the database's, as of
 * the claim. Nothing but PostgreSQL is asked.
 */
export async function dispatchSchedules(claimed: readonly ClaimedTrigger[], options: ScheduleDispatchOptions): Promise<void> {
  const { app, system, owner, ids, logger } = options;
  const plain: DispatchOutcome[] = [];
  const others: DispatchOutcome[] = [];
  for (const trigger of claimed) {
    const outcome = await outcomeOf(trigger, options);
    if (isPlain(outcome)) plain.push(outcome);
    else others.push(outcome);
  }
  if (plain.length > 0 && !(await commitSchedules(system, owner, plain, ids))) others.push(...plain);
  if (others.length === 0) return;
  const results = await commitDispatch(app, owner, others, ids);
  const lost = results.filter(({ isHeld }) => !isHeld).length;
  if (lost > 0) logger.warn({ lost }, "leases were lost before their schedules were committed; others dispatch them");
}

async function outcomeOf(trigger: ClaimedTrigger, { app, logger }: ScheduleDispatchOptions): Promise<DispatchOutcome> {
  const { tenantId, triggerId, epoch, lastExecution } = trigger;
  const held = { tenantId, triggerId, epoch };
  const base = { held, hold: false, isConnected: true, items: [], marks: [], parked: [] } as const;
  try {
    const rule = scheduleRule(scheduleParamsSchema.parse(trigger.config));
    const due = decide(trigger, rule);
    // Before the commit: repeating a cancel does no harm, forgetting one would.
    if (due.cancelsPrevious && lastExecution !== undefined) await cancelExecution(app, tenantId, lastExecution.id);
    const marks = due.skips.map((skip) => ({ key: skip.at.toISOString(), occurredAt: skip.at, reason: skip.reason, detail: detailOf(skip, lastExecution) }));
    return { ...base, cursor: { ...due.cursor }, nextDueAt: due.nextDueAt, items: due.fires.map((fire) => itemOf(fire, rule)), marks };
  } catch (error) {
    logger.error({ err: error, triggerId, tenantId }, "a schedule cannot be dispatched");
    const message = error instanceof Error ? error.message : "The schedule cannot be read.";
    return { ...base, isConnected: false, nextDueAt: new Date(trigger.now.getTime() + BROKEN_MS), error: { code: "PARAMS_INVALID", message } };
  }
}

function decide({ triggerId, config, cursor, armedAt, now, lastExecution }: ClaimedTrigger, rule: ScheduleRule): Due {
  const { recurrence, span, policy } = rule;
  const filter = filterOf(config);
  return decideDue({
    recurrence,
    span,
    policy,
    cursor: cursorOf(cursor),
    armedAt,
    now,
    isOverlapping: lastExecution !== undefined && !isTerminal(lastExecution.status),
    jitterOf: (at) => createHash("sha256").update(`${triggerId} ${at.getTime()}`).digest().readUInt32BE() / 2 ** 32,
    refusalOf: (fire) => (filter === undefined ? undefined : filterRefusal(filter, itemOf(fire, rule).input)),
  });
}

function cursorOf(stored: unknown): ScheduleCursor | undefined {
  if (stored === null) return undefined;
  const { lastAt, bufferedAt } = cursorSchema.parse(stored);
  return { lastAt, ...(bufferedAt === undefined ? {} : { bufferedAt }) };
}

function itemOf({ at, clockChange, lateMs, missed }: Fire, { recurrence }: ScheduleRule): SeenItem {
  const scheduledAt = at.toISOString();
  const timeZone = recurrence.kind === "cron" ? recurrence.timeZone : "UTC";
  const localTime = DateTime.fromJSDate(at, { zone: timeZone }).toISO() ?? scheduledAt;
  return { key: scheduledAt, occurredAt: at, input: { scheduledAt, localTime, timeZone, lateMs, missed, ...(clockChange === undefined ? {} : { clockChange }) } };
}

function detailOf(skip: Skip, lastExecution: ClaimedTrigger["lastExecution"]): string {
  switch (skip.reason) {
    case "OVERLAP_SKIPPED":
      if (skip.beside !== undefined) return `The same look started the instant ${skip.beside.toISOString()}.`;
      return lastExecution === undefined ? "The execution before was not over." : `The execution ${lastExecution.id} was not over: ${lastExecution.status}.`;
    case "MISFIRE_SKIPPED":
      return "It was noticed later than the grace allows, and the misfire policy leaves it out.";
    case "CATCH_UP_SKIPPED":
      return "It was noticed when it was older than the catch-up window.";
    case "FILTERED":
      return skip.refusal;
    default:
      return skip satisfies never;
  }
}

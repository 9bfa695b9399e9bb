import { RequestError } from "@fluxo/core/errors/request-error";
import type { ScheduleCursor } from "@fluxo/core/schedule/due";
import { scheduleParamsSchema } from "@fluxo/nodes/trigger-schedule/definition";
import { scheduleRule, type ScheduleRule } from "@fluxo/nodes/trigger-schedule/rule";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { findWatchedTrigger, type TriggerStateRecord, type WatchedTriggerRecord } from "@fluxo/prisma/repositories/watched-triggers";
import { z } from "zod";

/** A trigger that watches a source. */
export interface SourceTrigger extends WatchedTriggerRecord {
  readonly state: TriggerStateRecord;
}

const cursorSchema = z.object({ lastAt: z.iso.datetime(), bufferedAt: z.iso.datetime().optional() });

/** @param db of the tenant. @throws RequestError NOT_FOUND */
export async function requireTrigger(db: ScopedDb, tenantId: string, triggerId: string): Promise<WatchedTriggerRecord> {
  const trigger = await findWatchedTrigger(db, tenantId, triggerId);
  if (trigger === undefined) throw new RequestError("NOT_FOUND", { detail: "There is no trigger with this id." });
  return trigger;
}

/** @param db of the tenant. @throws RequestError NOT_FOUND, STATE_CONFLICT when it watches none */
export async function requireSource(db: ScopedDb, tenantId: string, triggerId: string): Promise<SourceTrigger> {
  const trigger = await requireTrigger(db, tenantId, triggerId);
  const { state } = trigger;
  if (state === null) throw new RequestError("STATE_CONFLICT", { detail: `A trigger of the kind ${trigger.kind} watches no source.` });
  return { ...trigger, state };
}

/** What the parameters of a schedule mean. @throws RequestError STATE_CONFLICT for another kind */
export function ruleOf({ kind, config }: Pick<WatchedTriggerRecord, "kind" | "config">): ScheduleRule {
  if (kind !== "schedule") throw new RequestError("STATE_CONFLICT", { detail: `A trigger of the kind ${kind} has no schedule.` });
  return scheduleRule(scheduleParamsSchema.parse(config));
}

/** Where a schedule stands; undefined before its baseline. */
export function cursorOf({ cursor }: TriggerStateRecord): ScheduleCursor | undefined {
  if (cursor === null) return undefined;
  const { lastAt, bufferedAt } = cursorSchema.parse(cursor);
  return { lastAt, ...(bufferedAt === undefined ? {} : { bufferedAt }) };
}

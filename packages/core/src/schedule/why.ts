import type { ScheduleCursor } from "./due.ts";

/** Why a trigger was off. */
export const OFF_REASONS = ["TENANT_SUSPENDED", "WORKFLOW_INACTIVE", "TRIGGER_DISABLED", "PAUSED"] as const;
export type OffReason = (typeof OFF_REASONS)[number];

/** Why an instant of a schedule has no occurrence. */
export const MISSING_REASONS = [...OFF_REASONS, "BEFORE_ARMED", "NOT_DUE_YET", "PENDING", "BUFFERED", "NOT_DISPATCHED"] as const;
export type MissingReason = (typeof MISSING_REASONS)[number];

/** A time in which a trigger was on (no reason) or off. */
export interface TriggerPeriod {
  readonly from: Date;
  /** Undefined: until now. */
  readonly to: Date | undefined;
  readonly offReason: OffReason | undefined;
}

/** What is known of a schedule. */
export interface ScheduleRecord {
  readonly periods: readonly TriggerPeriod[];
  readonly cursor: ScheduleCursor | undefined;
  /** Since when it watches without a break; undefined: it never did. */
  readonly armedAt: Date | undefined;
  readonly now: Date;
}

const DETAILS: Readonly<Record<MissingReason, string>> = {
  TENANT_SUSPENDED: "The tenant was suspended then.",
  WORKFLOW_INACTIVE: "The workflow was not active then.",
  TRIGGER_DISABLED: "The published version had no such trigger then.",
  PAUSED: "The trigger was paused then.",
  BEFORE_ARMED: "The trigger was not published yet.",
  NOT_DUE_YET: "It is still to come.",
  PENDING: "It is due, and no dispatcher has decided it yet: it is spread by jitter, or dispatchers are behind.",
  BUFFERED: "It waits for the end of the execution before it.",
  NOT_DISPATCHED: "It was due while the trigger was on, but the trigger was switched off, or its schedule changed, before a dispatcher looked.",
};

/** Why an instant of the schedule that has no occurrence has none. */
export function whyMissing(at: Date, { periods, cursor, armedAt, now }: ScheduleRecord): MissingReason {
  if (at.getTime() > now.getTime()) return "NOT_DUE_YET";
  const period = periods.find(({ from, to }) => from.getTime() <= at.getTime() && (to === undefined || at.getTime() < to.getTime()));
  if (period === undefined) return "BEFORE_ARMED";
  if (period.offReason !== undefined) return period.offReason;
  if (cursor?.bufferedAt === at.toISOString()) return "BUFFERED";
  const isArmedThen = armedAt !== undefined && armedAt.getTime() <= at.getTime();
  return isArmedThen && (cursor === undefined || at.getTime() > Date.parse(cursor.lastAt)) ? "PENDING" : "NOT_DISPATCHED";
}

/** The same in words. */
export function missingDetail(reason: MissingReason): string {
  return DETAILS[reason];
}

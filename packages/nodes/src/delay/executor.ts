import { NodeError } from "@fluxo/core/errors/node-error";
import type { NodeExecutor } from "@fluxo/core/node/executor";
import { zoneOf } from "@fluxo/core/schedule/zone";
import { durationOf, MAX_DELAY_MS, WEEKDAYS, type DelayParams } from "./definition.ts";
import { nextWorkingInstant } from "./working-hours.ts";

/** Suspends until the planned instant; goes on at once when it is now or past. @throws NodeError DATA, PARAMS_INVALID when it is too far ahead */
export const executeDelay: NodeExecutor<DelayParams> = (params, context) => {
  const nowMs = context.clock.now().getTime();
  const waitMs = instantOf(params, nowMs) - nowMs;
  if (waitMs > MAX_DELAY_MS) {
    throw new NodeError("until must be at most 366 days ahead.", { errorClass: "DATA", code: "PARAMS_INVALID" });
  }
  const resumeAt = new Date(nowMs + Math.max(0, waitMs));
  const output = { resumedAt: resumeAt.toISOString() };
  return waitMs > 0 ? { kind: "suspended", reason: "DELAY", resumeAt, output } : { kind: "done", output };
};

function instantOf({ durationMs, for: amounts, until, untilWorkingHours }: DelayParams, nowMs: number): number {
  if (until !== undefined) return Date.parse(until);
  if (untilWorkingHours === undefined) return nowMs + (amounts === undefined ? (durationMs ?? 0) : durationOf(amounts));
  const { zone, days, from, to } = untilWorkingHours;
  const hours = { days: new Set(days.map((day) => WEEKDAYS.indexOf(day))), fromMinute: minuteOf(from), toMinute: minuteOf(to) };
  return nextWorkingInstant(hours, zoneOf(zone), nowMs);
}

/** Minutes since midnight of a time of the day. */
function minuteOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}

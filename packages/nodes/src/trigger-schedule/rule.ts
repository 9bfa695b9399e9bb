import type { SchedulePolicy } from "@fluxo/core/schedule/due";
import type { Recurrence, Span } from "@fluxo/core/schedule/recurrence";
import type { ScheduleTriggerParams } from "./definition.ts";

/** A schedule's parameters in the terms of the arithmetic. */
export interface ScheduleRule {
  readonly recurrence: Recurrence;
  readonly span: Span;
  readonly policy: SchedulePolicy;
}

/** What the parameters of a schedule trigger mean. */
export function scheduleRule({ when, startAt, endAt, ...policy }: ScheduleTriggerParams): ScheduleRule {
  return {
    recurrence: recurrenceOf(when),
    span: { ...(startAt === undefined ? {} : { startAt: new Date(startAt) }), ...(endAt === undefined ? {} : { endAt: new Date(endAt) }) },
    policy,
  };
}

function recurrenceOf(when: ScheduleTriggerParams["when"]): Recurrence {
  switch (when.kind) {
    case "cron":
      return when;
    case "interval":
      return { kind: "interval", everySeconds: when.everySeconds, anchor: new Date(when.anchor) };
    case "once":
      return { kind: "once", at: new Date(when.at) };
    default:
      return when satisfies never;
  }
}

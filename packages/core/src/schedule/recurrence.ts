import { cronInstants, type CronRule, type Instant } from "./cron.ts";

/** When a schedule is due. Cron keeps to the wall clock; an interval to elapsed time from its anchor. */
export type Recurrence =
  | ({ readonly kind: "cron" } & CronRule)
  | { readonly kind: "interval"; readonly everySeconds: number; readonly anchor: Date }
  | { readonly kind: "once"; readonly at: Date };

/** Bounds of a schedule, both included. */
export interface Span {
  readonly startAt?: Date;
  readonly endAt?: Date;
}

/** The instants of a schedule after `after`, ascending. @throws RangeError for an unknown zone; what the cron parser throws for a broken expression */
export function* instantsAfter(recurrence: Recurrence, span: Span, after: Date): Generator<Instant, void, undefined> {
  const startMs = span.startAt?.getTime() ?? Number.NEGATIVE_INFINITY;
  const endMs = span.endAt?.getTime() ?? Number.POSITIVE_INFINITY;
  for (const instant of rawInstants(recurrence, Math.max(after.getTime(), startMs - 1))) {
    if (instant.at.getTime() > endMs) return;
    yield instant;
  }
}

function* rawInstants(recurrence: Recurrence, afterMs: number): Generator<Instant, void, undefined> {
  switch (recurrence.kind) {
    case "cron":
      yield* cronInstants(recurrence, afterMs);
      return;
    case "interval":
      yield* intervalInstants(recurrence.everySeconds * 1_000, recurrence.anchor.getTime(), afterMs);
      return;
    case "once":
      if (recurrence.at.getTime() > afterMs) yield { at: recurrence.at };
      return;
    default:
      recurrence satisfies never;
  }
}

function* intervalInstants(everyMs: number, anchorMs: number, afterMs: number): Generator<Instant, void, undefined> {
  let count = Math.max(0, Math.floor((afterMs - anchorMs) / everyMs) + 1);
  for (;;) {
    yield { at: new Date(anchorMs + count * everyMs) };
    count += 1;
  }
}

import { instantsAfter } from "@fluxo/core/schedule/recurrence";
import { whyMissing, type MissingReason } from "@fluxo/core/schedule/why";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { findOccurrences, type OccurrenceRecord } from "@fluxo/prisma/repositories/occurrences";
import { findPeriods } from "@fluxo/prisma/repositories/watched-triggers";
import { cursorOf, ruleOf, type SourceTrigger } from "./find-watched.ts";

/** A due instant with its occurrence, or the reason why there is none. */
export type DecidedInstant = { readonly at: Date } & ({ readonly occurrence: OccurrenceRecord } | { readonly occurrence: undefined; readonly reason: MissingReason });

export interface InstantRange {
  readonly from: Date;
  /** Not included. */
  readonly to: Date;
  readonly limit: number;
}

/** Instants of the schedule as it is now, in order; `nextFrom` when there are more. */
export interface DecidedInstants {
  readonly instants: readonly DecidedInstant[];
  readonly nextFrom: Date | undefined;
}

/**
 * Every instant of a schedule in a range with what became of it.
 * @param db of the tenant
 * @throws RequestError STATE_CONFLICT for a trigger that is no schedule
 */
export async function decideInstants(db: ScopedDb, tenantId: string, trigger: SourceTrigger, range: InstantRange, now: Date): Promise<DecidedInstants> {
  const { recurrence, span } = ruleOf(trigger);
  const instants: Date[] = [];
  let nextFrom: Date | undefined;
  for (const { at } of instantsAfter(recurrence, span, new Date(range.from.getTime() - 1))) {
    if (at.getTime() >= range.to.getTime()) break;
    if (instants.length === range.limit) {
      nextFrom = at;
      break;
    }
    instants.push(at);
  }
  const keys = instants.map((at) => at.toISOString());
  const known = await findOccurrences(db, tenantId, trigger.id, keys);
  const periods = await findPeriods(db, tenantId, trigger.id, range.from, range.to);
  const record = { periods, cursor: cursorOf(trigger.state), armedAt: trigger.state.armedAt ?? undefined, now };
  return {
    instants: instants.map((at, index) => {
      const occurrence = known.get(keys[index] ?? "");
      return occurrence === undefined ? { at, occurrence, reason: whyMissing(at, record) } : { at, occurrence };
    }),
    nextFrom,
  };
}

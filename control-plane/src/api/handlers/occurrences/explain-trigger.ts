import type { occurrenceRoutes } from "@fluxo/contracts/http/occurrences";
import type { Routes } from "@fluxo/contracts/http/routes";
import { missingDetail } from "@fluxo/core/schedule/why";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { findOccurrencesBetween, type OccurrenceRecord } from "@fluxo/prisma/repositories/occurrences";
import { sumPolls } from "@fluxo/prisma/repositories/polls";
import { findPeriods, type WatchedTriggerRecord } from "@fluxo/prisma/repositories/watched-triggers";
import type { z } from "zod";
import type { Handler } from "../../http/handler.ts";
import { invalid } from "../../http/validate.ts";
import { toDate, toInstant } from "../instants.ts";
import { requireTrigger } from "../../../triggers/find-watched.ts";
import { decideInstants, type DecidedInstant } from "../../../triggers/schedule-instants.ts";

type Explanation = z.input<(typeof occurrenceRoutes)["explainTrigger"]["responses"][200]["body"]>;
type Entry = Explanation["entries"][number];

interface Range {
  readonly from: Date;
  readonly to: Date;
}

const DAY_MS = 86_400_000;
/** Instants, and occurrences, of one answer. */
const LIMIT = 1_000;

/** GET /v1/triggers/{triggerId}/explain */
export const explainTrigger: Handler<Routes["explainTrigger"]> = async ({ access, params, query }, { tenantDb, clock }) => {
  const { tenantId } = access;
  const now = clock.now();
  const to = toDate(query.to) ?? now;
  const given = toDate(query.from);
  if (given !== undefined && given.getTime() >= to.getTime()) throw invalid([{ path: "/query/from", code: "invalid_value", message: "must be before `to`" }]);
  const body = await tenantDb.withTenant(tenantId, async (db): Promise<Explanation> => {
    const trigger = await requireTrigger(db, tenantId, params.triggerId);
    const from = given ?? dayBefore(to, trigger);
    const { entries, nextFrom } = await findEntries(db, tenantId, trigger, { from, to }, now);
    const periods = await findPeriods(db, tenantId, trigger.id, from, to);
    return {
      triggerId: trigger.id,
      kind: trigger.kind,
      from: from.toISOString(),
      to: to.toISOString(),
      entries,
      nextFrom: nextFrom?.toISOString() ?? null,
      periods: periods.map((period) => ({ from: toInstant(period.from), to: toInstant(period.to ?? null), offReason: period.offReason ?? null })),
      polls: trigger.state === null || trigger.kind === "schedule" ? null : await sumPolls(db, tenantId, trigger.id, { from, to }),
    };
  });
  return { status: 200, body };
};

/** The day before an instant, but nothing of the time before there was a trigger, which many instants of a schedule may fill. */
function dayBefore(to: Date, { createdAt }: Pick<WatchedTriggerRecord, "createdAt">): Date {
  const dayMs = to.getTime() - DAY_MS;
  return new Date(createdAt.getTime() < to.getTime() ? Math.max(dayMs, createdAt.getTime()) : dayMs);
}

/** Occurrences, and of a schedule the instants without one. What follows the shorter of two cut lists is left to the next request. */
async function findEntries(db: ScopedDb, tenantId: string, trigger: WatchedTriggerRecord, range: Range, now: Date): Promise<{ readonly entries: Entry[]; readonly nextFrom: Date | undefined }> {
  const { kind, state } = trigger;
  const found = await findOccurrencesBetween(db, tenantId, trigger.id, { ...range, limit: LIMIT });
  const decided = kind === "schedule" && state !== null ? await decideInstants(db, tenantId, { ...trigger, state }, { ...range, limit: LIMIT }, now) : { instants: [], nextFrom: undefined };
  const cuts = [found.nextFrom, decided.nextFrom].filter((cut) => cut !== undefined);
  const nextFrom = cuts.toSorted((left, right) => left.getTime() - right.getTime())[0];
  const entries = [...found.items.map(ofOccurrence), ...decided.instants.flatMap(ofMissing)].filter(({ at }) => nextFrom === undefined || Date.parse(at) < nextFrom.getTime());
  return { entries: entries.toSorted((left, right) => Date.parse(left.at) - Date.parse(right.at)), nextFrom };
}

function ofOccurrence({ key, occurredAt, reason, detail, execution }: OccurrenceRecord): Entry {
  return { at: occurredAt.toISOString(), key, reason, detail, execution };
}

function ofMissing(instant: DecidedInstant): Entry[] {
  if (instant.occurrence !== undefined) return [];
  return [{ at: instant.at.toISOString(), key: null, reason: instant.reason, detail: missingDetail(instant.reason), execution: null }];
}

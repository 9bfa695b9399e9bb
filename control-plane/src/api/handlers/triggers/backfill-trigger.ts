import type { Routes } from "@fluxo/contracts/http/routes";
import { localTimeOf, timeZoneOf } from "@fluxo/core/schedule/preview";
import type { MissingReason } from "@fluxo/core/schedule/why";
import { intake, type IntakeItem } from "@fluxo/prisma/executions/intake";
import type { Handler } from "../../http/handler.ts";
import { invalid } from "../../http/validate.ts";
import type { ApiServices } from "../../services.ts";
import { requireSource, ruleOf, type SourceTrigger } from "./find-watched.ts";
import { decideInstants, type DecidedInstant } from "./schedule-instants.ts";

/** Executions that one statement queues. */
const CHUNK = 100;
/** These the dispatcher may still start. */
const OPEN: ReadonlySet<MissingReason> = new Set(["NOT_DUE_YET", "PENDING", "BUFFERED"]);

/** POST /v1/triggers/{triggerId}/backfill */
export const backfillTrigger: Handler<Routes["backfillTrigger"]> = async ({ access, params, body }, services) => {
  const { tenantId } = access;
  const now = services.clock.now();
  const [from, to] = [new Date(body.from), new Date(body.to)];
  if (to.getTime() > now.getTime()) throw invalid([{ path: "/body/to", code: "invalid_value", message: "must not be in the future" }]);
  if (from.getTime() >= to.getTime()) throw invalid([{ path: "/body/from", code: "invalid_value", message: "must be before `to`" }]);
  const { trigger, decided } = await services.tenantDb.withTenant(tenantId, async (db) => {
    const found = await requireSource(db, tenantId, params.triggerId);
    return { trigger: found, decided: await decideInstants(db, tenantId, found, { from, to, limit: body.max }, now) };
  });
  const open = decided.instants.filter(isOpen);
  const { started, duplicate } = await queue(tenantId, trigger, open.map(({ at }) => at), services);
  return { status: 202, body: { started, duplicate, skipped: decided.instants.length - open.length, nextFrom: decided.nextFrom?.toISOString() ?? null } };
};

/** Whether an instant has no execution and will not get one by itself. */
function isOpen(instant: DecidedInstant): boolean {
  return instant.occurrence === undefined ? !OPEN.has(instant.reason) : instant.occurrence.reason !== "ACCEPTED";
}

/** Queues in chunks, so that no statement is long; the relay and the tenant's slots pace the start. */
async function queue(tenantId: string, trigger: SourceTrigger, instants: readonly Date[], services: ApiServices): Promise<{ readonly started: number; readonly duplicate: number }> {
  let started = 0;
  for (let at = 0; at < instants.length; at += CHUNK) {
    const items = instants.slice(at, at + CHUNK).map((instant) => itemOf(tenantId, trigger, instant, services));
    const results = await intake(services.pool, items);
    started += results.filter(({ outcome }) => outcome === "accepted").length;
  }
  return { started, duplicate: instants.length - started };
}

function itemOf(tenantId: string, trigger: SourceTrigger, at: Date, { ids, clock }: ApiServices): IntakeItem {
  const scheduledAt = at.toISOString();
  const timeZone = timeZoneOf(ruleOf(trigger).recurrence);
  const input = { scheduledAt, localTime: localTimeOf(at, timeZone), timeZone, lateMs: clock.now().getTime() - at.getTime(), missed: 0, backfill: true };
  return { tenantId, triggerId: trigger.id, occurrenceKey: `backfill:${scheduledAt}`, executionId: ids.next(), input, payloadId: ids.next(), occurredAt: at };
}

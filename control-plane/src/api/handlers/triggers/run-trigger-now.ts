import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { localTimeOf, timeZoneOf } from "@fluxo/core/schedule/preview";
import { lookSoon } from "@fluxo/prisma/dispatch/arm";
import { intake } from "@fluxo/prisma/executions/intake";
import { assertNotArchived } from "@fluxo/prisma/repositories/workflows";
import { isQueueFull, QUEUED_MAX } from "@fluxo/prisma/executions/queue";
import { hasOccurrence } from "@fluxo/prisma/repositories/occurrences";
import type { Handler } from "../../http/handler.ts";
import type { ApiServices } from "../../services.ts";
import { requireSource, ruleOf, type SourceTrigger } from "../../../triggers/find-watched.ts";

/** About how long a queue takes to become shorter. */
const RETRY_AFTER_SECONDS = 5;

/** POST /v1/triggers/{triggerId}/run-now */
export const runTriggerNow: Handler<Routes["runTriggerNow"]> = async ({ access, params, headers }, services) => {
  const { tenantId } = access;
  const { trigger, nextDueAt } = await services.tenantDb.withTenant(tenantId, async (db) => {
    const found = await requireSource(db, tenantId, params.triggerId);
    await assertNotArchived(db, tenantId, found.workflowId);
    if (found.kind !== "schedule") return { trigger: found, nextDueAt: await lookSoon(db, tenantId, found.id) };
    const key = headers["Idempotency-Key"];
    const isRepeat = key !== undefined && (await hasOccurrence(db, tenantId, found.id, keyed(key)));
    if (!isRepeat && (await isQueueFull(db, tenantId))) throw new RequestError("RATE_LIMITED", { detail: `${QUEUED_MAX} executions of the tenant wait to start; come again when there are fewer.`, retryAfterSeconds: RETRY_AFTER_SECONDS });
    return { trigger: found, nextDueAt: undefined };
  });
  if (trigger.kind === "schedule") {
    const { executionId, isNew } = await startNow(tenantId, trigger, headers["Idempotency-Key"], services);
    return { status: isNew ? 202 : 200, body: { executionId, duplicate: !isNew, nextDueAt: null } };
  }
  if (nextDueAt === undefined) throw new RequestError("STATE_CONFLICT", { detail: "The trigger is paused or off." });
  return { status: 202, body: { executionId: null, duplicate: false, nextDueAt: nextDueAt.toISOString() } };
};

/** An execution beside the instants. Its key tells it from them. @throws RequestError STATE_CONFLICT when the trigger is not in the published version */
async function startNow(
  tenantId: string,
  trigger: SourceTrigger,
  key: string | undefined,
  { pool, ids, clock, handOver }: ApiServices,
): Promise<{ readonly executionId: string; readonly isNew: boolean }> {
  const now = clock.now();
  const timeZone = timeZoneOf(ruleOf(trigger).recurrence);
  const executionId = ids.next();
  const input = { scheduledAt: now.toISOString(), localTime: localTimeOf(now, timeZone), timeZone, lateMs: 0, missed: 0, manual: true };
  const occurrenceKey = key === undefined ? `id:${executionId}` : keyed(key);
  const [result] = await intake(pool, [{ tenantId, triggerId: trigger.id, occurrenceKey, executionId, input, payloadId: ids.next(), occurredAt: now }]);
  if (result === undefined || !("executionId" in result)) throw new RequestError("STATE_CONFLICT", { detail: "The published version has no such trigger." });
  const isNew = result.outcome === "accepted";
  if (isNew) handOver([{ tenantId, executionId }]);
  return { executionId: result.executionId, isNew };
}

/** The occurrence key of a start that the caller has a key for. */
function keyed(key: string): string {
  return `key:${key}`;
}

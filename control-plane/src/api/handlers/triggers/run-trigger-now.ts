import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { localTimeOf, timeZoneOf } from "@fluxo/core/schedule/preview";
import { lookSoon } from "@fluxo/prisma/dispatch/arm";
import { intake } from "@fluxo/prisma/executions/intake";
import { assertNotArchived } from "@fluxo/prisma/repositories/workflows";
import type { Handler } from "../../http/handler.ts";
import type { ApiServices } from "../../services.ts";
import { requireSource, ruleOf, type SourceTrigger } from "./find-watched.ts";

/** POST /v1/triggers/{triggerId}/run-now */
export const runTriggerNow: Handler<Routes["runTriggerNow"]> = async ({ access, params, headers }, services) => {
  const { tenantId } = access;
  const { trigger, nextDueAt } = await services.tenantDb.withTenant(tenantId, async (db) => {
    const found = await requireSource(db, tenantId, params.triggerId);
    await assertNotArchived(db, tenantId, found.workflowId);
    return { trigger: found, nextDueAt: found.kind === "schedule" ? undefined : await lookSoon(db, tenantId, found.id) };
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
  const occurrenceKey = key === undefined ? `id:${executionId}` : `key:${key}`;
  const [result] = await intake(pool, [{ tenantId, triggerId: trigger.id, occurrenceKey, executionId, input, payloadId: ids.next(), occurredAt: now }]);
  if (result === undefined || !("executionId" in result)) throw new RequestError("STATE_CONFLICT", { detail: "The published version has no such trigger." });
  const isNew = result.outcome === "accepted";
  if (isNew) handOver([{ tenantId, executionId }]);
  return { executionId: result.executionId, isNew };
}

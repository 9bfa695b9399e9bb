import type { Routes } from "@fluxo/contracts/http/routes";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { notePeriods, pauseTrigger as pauseSource, resumeTrigger as resumeSource } from "@fluxo/prisma/dispatch/arm";
import type { WatchedTriggerRecord } from "@fluxo/prisma/repositories/watched-triggers";
import type { Handler } from "../../http/handler.ts";
import { requireSource, requireTrigger } from "../../../triggers/find-watched.ts";
import { toWatchedAnswer } from "./watched-answer.ts";

/** POST /v1/triggers/{triggerId}/pause */
export const pauseTrigger: Handler<Routes["pauseTrigger"]> = async ({ access, params }, { tenantDb, publicIngressUrl, clock }) => {
  const trigger = await tenantDb.withTenant(access.tenantId, (db) => change(db, access.tenantId, params.triggerId, pauseSource));
  return { status: 200, body: toWatchedAnswer(trigger, { publicIngressUrl, now: clock.now() }) };
};

/** POST /v1/triggers/{triggerId}/resume */
export const resumeTrigger: Handler<Routes["resumeTrigger"]> = async ({ access, params }, { tenantDb, publicIngressUrl, clock }) => {
  const trigger = await tenantDb.withTenant(access.tenantId, (db) => change(db, access.tenantId, params.triggerId, resumeSource));
  return { status: 200, body: toWatchedAnswer(trigger, { publicIngressUrl, now: clock.now() }) };
};

/** @throws RequestError NOT_FOUND, STATE_CONFLICT for a trigger that watches no source */
async function change(db: ScopedDb, tenantId: string, triggerId: string, apply: typeof pauseSource): Promise<WatchedTriggerRecord> {
  const { workflowId } = await requireSource(db, tenantId, triggerId);
  await apply(db, tenantId, triggerId);
  await notePeriods(db, tenantId, workflowId);
  return requireTrigger(db, tenantId, triggerId);
}

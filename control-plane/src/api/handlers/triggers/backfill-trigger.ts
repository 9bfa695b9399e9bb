import type { backfillSchema } from "@fluxo/contracts/http/backfills";
import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { abortBackfill as abort, createBackfill, findBackfill, listBackfills as findBackfills, type BackfillRecord } from "@fluxo/prisma/repositories/backfills";
import { assertNotArchived } from "@fluxo/prisma/repositories/workflows";
import type { z } from "zod";
import type { Handler } from "../../http/handler.ts";
import { invalid } from "../../http/validate.ts";
import { notFound } from "../not-found.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";
import { requireSource, requireTrigger, ruleOf } from "../../../triggers/find-watched.ts";

/** POST /v1/triggers/{triggerId}/backfill */
export const backfillTrigger: Handler<Routes["backfillTrigger"]> = async ({ access, params, body }, { tenantDb, ids, clock }) => {
  const { tenantId } = access;
  const now = clock.now();
  const [from, to] = [new Date(body.from), new Date(body.to)];
  if (to.getTime() > now.getTime()) throw invalid([{ path: "/body/to", code: "invalid_value", message: "must not be in the future" }]);
  if (from.getTime() >= to.getTime()) throw invalid([{ path: "/body/from", code: "invalid_value", message: "must be before `to`" }]);
  const backfill = await tenantDb.withTenant(tenantId, async (db) => {
    const trigger = await requireSource(db, tenantId, params.triggerId);
    ruleOf(trigger);
    await assertNotArchived(db, tenantId, trigger.workflowId);
    return createBackfill(db, tenantId, { id: ids.next(), triggerId: trigger.id, fromAt: from, toAt: to, pacePerMinute: body.pacePerMinute }, now);
  });
  return { status: 202, headers: { Location: `/v1/triggers/${backfill.triggerId}/backfills/${backfill.id}` }, body: toAnswer(backfill) };
};

/** GET /v1/triggers/{triggerId}/backfills */
export const listBackfills: Handler<Routes["listBackfills"]> = async ({ access, params, query }, { tenantDb }) => {
  const { tenantId } = access;
  const beforeId = idOfPageToken(query.pageToken);
  const page = await tenantDb.withTenant(tenantId, async (db) => {
    await requireTrigger(db, tenantId, params.triggerId);
    return findBackfills(db, tenantId, params.triggerId, query.limit, beforeId);
  });
  return { status: 200, body: toIdPage(page, toAnswer) };
};

/** GET /v1/triggers/{triggerId}/backfills/{backfillId} */
export const getBackfill: Handler<Routes["getBackfill"]> = async ({ access, params }, { tenantDb }) => {
  const { tenantId } = access;
  const backfill = await tenantDb.withTenant(tenantId, (db) => findBackfill(db, tenantId, params.triggerId, params.backfillId));
  if (backfill === undefined) throw notFound("backfill");
  return { status: 200, body: toAnswer(backfill) };
};

/** POST /v1/triggers/{triggerId}/backfills/{backfillId}/abort */
export const abortBackfill: Handler<Routes["abortBackfill"]> = async ({ access, params }, { tenantDb, clock }) => {
  const { tenantId } = access;
  const backfill = await tenantDb.withTenant(tenantId, async (db) => {
    if ((await findBackfill(db, tenantId, params.triggerId, params.backfillId)) === undefined) throw notFound("backfill");
    await abort(db, tenantId, params.backfillId, "REQUESTED", clock.now());
    return findBackfill(db, tenantId, params.triggerId, params.backfillId);
  });
  if (backfill === undefined) throw notFound("backfill");
  if (backfill.status === "DONE") throw new RequestError("STATE_CONFLICT", { detail: "The backfill is DONE." });
  return { status: 200, body: toAnswer(backfill) };
};

function toAnswer({ id, triggerId, fromAt, toAt, nextFrom, createdAt, completedAt, pacePerMinute, status, isParked, abortReason, started, duplicate, skipped }: BackfillRecord): z.output<typeof backfillSchema> {
  return {
    id,
    triggerId,
    from: fromAt.toISOString(),
    to: toAt.toISOString(),
    nextFrom: nextFrom.toISOString(),
    pacePerMinute,
    status,
    isParked,
    abortReason,
    started,
    duplicate,
    skipped,
    createdAt: createdAt.toISOString(),
    completedAt: completedAt?.toISOString() ?? null,
  };
}

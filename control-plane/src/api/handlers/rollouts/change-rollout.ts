import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { parameterValuesSchema } from "@fluxo/core/workflow-templates/parameters";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { changeRollout, createRollout, findRollout, listRolloutItems, type NewRolloutItem, type RolloutChange, type RolloutGuard, type RolloutRecord } from "@fluxo/prisma/repositories/template-rollouts";
import { findKnownTenants } from "@fluxo/prisma/repositories/tenants";
import type { Handler } from "../../http/handler.ts";
import type { ApiServices } from "../../services.ts";
import { notFound } from "../not-found.ts";
import { toRolloutAnswer } from "./rollout-answer.ts";

/** Largest rollout; its rollback is no larger. */
const TENANTS_MAX = 10_000;

/** POST /v1/rollouts/{rolloutId}/pause */
export const pauseRollout: Handler<Routes["pauseRollout"]> = async ({ access, params }, services) => {
  const rollout = await change(services, access.agencyId, params.rolloutId, { status: ["RUNNING"] }, { status: "PAUSED" });
  return { status: 200, body: toRolloutAnswer(rollout) };
};

/** POST /v1/rollouts/{rolloutId}/resume */
export const resumeRollout: Handler<Routes["resumeRollout"]> = async ({ access, params }, services) => {
  const rollout = await change(services, access.agencyId, params.rolloutId, { status: ["PAUSED"] }, { status: "RUNNING" });
  return { status: 200, body: toRolloutAnswer(rollout) };
};

/** POST /v1/rollouts/{rolloutId}/abort */
export const abortRollout: Handler<Routes["abortRollout"]> = async ({ access, params }, services) => {
  const rollout = await change(services, access.agencyId, params.rolloutId, { status: ["RUNNING", "PAUSED", "AWAITING_APPROVAL", "STOPPED"] }, { status: "ABORTED", completedAt: services.clock.now() });
  return { status: 200, body: toRolloutAnswer(rollout) };
};

/** POST /v1/rollouts/{rolloutId}/approve */
export const approveRollout: Handler<Routes["approveRollout"]> = async ({ access, params }, services) => {
  const guard: RolloutGuard = { status: ["RUNNING", "AWAITING_APPROVAL", "STOPPED"], phase: "OBSERVE" };
  const rollout = await change(services, access.agencyId, params.rolloutId, guard, { status: "RUNNING", phase: "REST" });
  return { status: 200, body: toRolloutAnswer(rollout) };
};

/** POST /v1/rollouts/{rolloutId}/rollback */
export const rollBackRollout: Handler<Routes["rollBackRollout"]> = async ({ access, params, body }, { tenantDb, ids, clock }) => {
  const { agencyId, actor } = access;
  const rollback = await tenantDb.withAgency(agencyId, async (db) => {
    const now = clock.now();
    // In this transaction first: what is worked afterwards would not be taken back.
    await changeRollout(db, agencyId, params.rolloutId, { status: ["RUNNING", "PAUSED", "AWAITING_APPROVAL", "STOPPED"] }, { status: "ABORTED", completedAt: now }, now);
    const rollout = await findRollout(db, agencyId, params.rolloutId);
    if (rollout === undefined) throw notFound("rollout");
    const { versionId } = rollout;
    if (versionId === null) throw new RequestError("STATE_CONFLICT", { detail: "It is a rollback itself; roll the version out again." });
    const record = { id: ids.next(), templateId: rollout.templateId, kind: "rollback", versionId: null, rollsBackId: rollout.id, phase: "REST", canaryPolicy: null, onConflict: body.onConflict, createdBy: actor.id } as const;
    return createRollout(db, agencyId, record, await itemsToTakeBack(db, agencyId, rollout.id, versionId), now);
  });
  return { status: 202, headers: { Location: `/v1/rollouts/${rollback.id}` }, body: toRolloutAnswer(rollback) };
};

/** Last come, first gone: in the order in which the tenants were worked, the other way round. A tenant that is being off-boarded is left alone. */
async function itemsToTakeBack(db: ScopedDb, agencyId: string, rolloutId: string, versionId: string): Promise<NewRolloutItem[]> {
  const { items } = await listRolloutItems(db, agencyId, rolloutId, { status: ["DONE"] }, TENANTS_MAX);
  const writable = await findKnownTenants(db, agencyId, items.map(({ tenantId }) => tenantId));
  return items.filter(({ tenantId }) => writable.has(tenantId)).toReversed().map(({ tenantId, fromVersionId, fromParameters }) => ({
    tenantId,
    isCanary: false,
    targetVersionId: fromVersionId,
    expectedVersionId: versionId,
    parameters: fromVersionId === null ? {} : parameterValuesSchema.parse(fromParameters),
  }));
}

/** One that is as the change would make it is answered as it is. @throws RequestError NOT_FOUND, STATE_CONFLICT */
function change({ tenantDb, clock }: ApiServices, agencyId: string, id: string, guard: RolloutGuard, to: RolloutChange): Promise<RolloutRecord> {
  return tenantDb.withAgency(agencyId, async (db) => {
    await changeRollout(db, agencyId, id, guard, to, clock.now());
    const rollout = await findRollout(db, agencyId, id);
    if (rollout === undefined) throw notFound("rollout");
    if (rollout.status !== to.status || (to.phase !== undefined && rollout.phase !== to.phase)) throw new RequestError("STATE_CONFLICT", { detail: `The rollout is ${rollout.status}, in the phase ${rollout.phase}.` });
    return rollout;
  });
}

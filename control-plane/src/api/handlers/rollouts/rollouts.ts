import type { Routes } from "@fluxo/contracts/http/routes";
import { ROLLOUT_ITEM_STATUSES } from "@fluxo/core/workflow-templates/rollout";
import { countRolloutItems, findRollout, listRolloutItems as findItems, listRollouts as findRollouts } from "@fluxo/prisma/repositories/template-rollouts";
import { z } from "zod";
import type { Handler } from "../../http/handler.ts";
import { decodePageToken } from "../../http/page-token.ts";
import { notFound } from "../not-found.ts";
import { idOfPageToken, toIdPage, toPage } from "../pages.ts";
import { toRolloutAnswer, toRolloutItemAnswer } from "./rollout-answer.ts";

const positionToken = z.tuple([z.int()]);

/** GET /v1/rollouts */
export const listRollouts: Handler<Routes["listRollouts"]> = async ({ access, query }, { tenantDb }) => {
  const { limit, pageToken, ...filter } = query;
  const before = idOfPageToken(pageToken);
  const page = await tenantDb.withAgency(access.agencyId, (db) => findRollouts(db, access.agencyId, filter, limit, before));
  return { status: 200, body: toIdPage(page, toRolloutAnswer) };
};

/** GET /v1/rollouts/{rolloutId} */
export const getRollout: Handler<Routes["getRollout"]> = async ({ access, params }, { tenantDb }) => {
  const { agencyId } = access;
  const [rollout, counts] = await tenantDb.withAgency(agencyId, async (db) => [await findRollout(db, agencyId, params.rolloutId), await countRolloutItems(db, agencyId, params.rolloutId)] as const);
  if (rollout === undefined) throw notFound("rollout");
  return { status: 200, body: { ...toRolloutAnswer(rollout), tenants: Object.fromEntries(ROLLOUT_ITEM_STATUSES.map((status) => [status, counts.get(status) ?? 0])) } };
};

/** GET /v1/rollouts/{rolloutId}/tenants */
export const listRolloutItems: Handler<Routes["listRolloutItems"]> = async ({ access, params, query }, { tenantDb }) => {
  const { agencyId } = access;
  const after = decodePageToken(query.pageToken, positionToken)?.[0];
  const page = await tenantDb.withAgency(agencyId, async (db) => {
    if ((await findRollout(db, agencyId, params.rolloutId)) === undefined) throw notFound("rollout");
    return findItems(db, agencyId, params.rolloutId, { status: query.status }, query.limit, after);
  });
  return { status: 200, body: toPage(page, toRolloutItemAnswer, ({ position }) => [position]) };
};

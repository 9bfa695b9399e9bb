import type { Routes } from "@fluxo/contracts/http/routes";
import { listWatchedTriggers, listWatchedTriggersAcross } from "@fluxo/prisma/repositories/watched-triggers";
import type { Handler } from "../../http/handler.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";
import { toWatchedAnswer } from "./watched-answer.ts";

/** GET /v1/triggers */
export const listTenantTriggers: Handler<Routes["listTenantTriggers"]> = async ({ access, query }, { tenantDb, publicIngressUrl, clock }) => {
  const { limit, pageToken, ...filter } = query;
  const before = idOfPageToken(pageToken);
  const { agencyId, tenantId, tenantIds } = access;
  const page =
    tenantId === null
      ? await tenantDb.acrossTenants(agencyId, (db) => listWatchedTriggersAcross(db, { agencyId, tenantIds }, filter, limit, before))
      : await tenantDb.withTenant(tenantId, (db) => listWatchedTriggers(db, tenantId, filter, limit, before));
  return { status: 200, body: toIdPage(page, (trigger) => toWatchedAnswer(trigger, { publicIngressUrl, now: clock.now() })) };
};

import type { Routes } from "@fluxo/contracts/http/routes";
import { listPolls as findPolls } from "@fluxo/prisma/repositories/polls";
import type { Handler } from "../../http/handler.ts";
import { toDate } from "../instants.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";
import { requireTrigger } from "../../../triggers/find-watched.ts";

/** GET /v1/triggers/{triggerId}/polls */
export const listPolls: Handler<Routes["listPolls"]> = async ({ access, params, query }, { tenantDb }) => {
  const { tenantId } = access;
  const before = idOfPageToken(query.pageToken);
  const page = await tenantDb.withTenant(tenantId, async (db) => {
    const { id } = await requireTrigger(db, tenantId, params.triggerId);
    return findPolls(db, tenantId, id, { from: toDate(query.from), to: toDate(query.to) }, query.limit, before);
  });
  return { status: 200, body: toIdPage(page, ({ polledAt, ...poll }) => ({ ...poll, polledAt: polledAt.toISOString() })) };
};

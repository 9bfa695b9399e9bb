import type { Routes } from "@fluxo/contracts/http/routes";
import { dismissParkedItem as dismiss, listParkedItems as findParkedItems } from "@fluxo/prisma/repositories/polls";
import { z } from "zod";
import type { Handler } from "../../http/handler.ts";
import { decodePageToken } from "../../http/page-token.ts";
import { toInstant } from "../instants.ts";
import { notFound } from "../not-found.ts";
import { toPage } from "../pages.ts";
import { requireTrigger } from "../../../triggers/find-watched.ts";

const keyToken = z.tuple([z.string().max(1_000)]);

/** GET /v1/triggers/{triggerId}/parked */
export const listParkedItems: Handler<Routes["listParkedItems"]> = async ({ access, params, query }, { tenantDb }) => {
  const { tenantId } = access;
  const afterKey = decodePageToken(query.pageToken, keyToken)?.[0];
  const page = await tenantDb.withTenant(tenantId, async (db) => {
    const { id } = await requireTrigger(db, tenantId, params.triggerId);
    return findParkedItems(db, tenantId, id, { isDismissed: query.dismissed }, query.limit, afterKey);
  });
  return { status: 200, body: toPage(page, ({ parkedAt, dismissedAt, ...item }) => ({ ...item, parkedAt: toInstant(parkedAt), dismissedAt: toInstant(dismissedAt) }), ({ key }) => [key]) };
};

/** POST /v1/triggers/{triggerId}/parked/{key}/dismiss */
export const dismissParkedItem: Handler<Routes["dismissParkedItem"]> = async ({ access, params }, { tenantDb }) => {
  const { tenantId } = access;
  const isThere = await tenantDb.withTenant(tenantId, (db) => dismiss(db, tenantId, params.triggerId, params.key));
  if (!isThere) throw notFound("parked item");
  return { status: 204 };
};

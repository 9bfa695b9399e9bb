import type { Routes } from "@fluxo/contracts/http/routes";
import { listQuotaAlerts as findAlerts } from "@fluxo/prisma/repositories/parking";
import { z } from "zod";
import type { Handler } from "../../http/handler.ts";
import { decodePageToken } from "../../http/page-token.ts";
import { toInstant } from "../instants.ts";
import { toPage } from "../pages.ts";

const cursorToken = z.tuple([z.iso.datetime(), z.uuid()]);

/** GET /v1/tenants/{tenantId}/quota-alerts */
export const listQuotaAlerts: Handler<Routes["listQuotaAlerts"]> = async ({ access, query }, { tenantDb }) => {
  const token = decodePageToken(query.pageToken, cursorToken);
  const before = token === undefined ? undefined : ([new Date(token[0]), token[1]] as const);
  const page = await tenantDb.withTenant(access.tenantId, (db) => findAlerts(db, access.tenantId, query.limit, before));
  const toAlert = ({ metric, windowStart, raisedAt, ...alert }: (typeof page)["items"][number]) => ({
    ...alert,
    metric: metric === "aiTokens" ? ("aiTokens" as const) : ("executions" as const),
    windowStart: toInstant(windowStart),
    raisedAt: toInstant(raisedAt),
  });
  return { status: 200, body: toPage(page, toAlert, ({ raisedAt, id }) => [raisedAt.toISOString(), id]) };
};

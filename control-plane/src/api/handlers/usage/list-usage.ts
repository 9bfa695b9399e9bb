import type { Routes } from "@fluxo/contracts/http/routes";
import { listTenantUsage } from "@fluxo/prisma/usage/totals";
import type { Handler } from "../../http/handler.ts";
import { idOfPageToken, toPage } from "../pages.ts";
import { spanOf } from "./span.ts";

/** GET /v1/usage */
export const listUsage: Handler<Routes["listUsage"]> = async ({ access, query }, { tenantDb }) => {
  const { from, to, limit, pageToken } = query;
  spanOf({ granularity: "day", from, to });
  const after = idOfPageToken(pageToken);
  const page = await tenantDb.withAgency(access.agencyId, (db) => listTenantUsage(db, access.agencyId, from, to, limit, after));
  return {
    status: 200,
    body: toPage(
      page,
      (usage) => ({
        tenantId: usage.tenantId,
        executions: Number(usage.executions),
        nodeExecutions: Number(usage.nodeExecutions),
        aiInputTokens: Number(usage.aiInputTokens),
        aiOutputTokens: Number(usage.aiOutputTokens),
        aiUnpricedTokens: Number(usage.aiUnpricedTokens),
        aiCostMicros: Number(usage.aiCostMicros),
        egressBytes: Number(usage.egressBytes),
        storageBytes: Number(usage.storageBytes),
      }),
      ({ tenantId }) => [tenantId],
    ),
  };
};

import type { Routes } from "@fluxo/contracts/http/routes";
import { forecastQuota } from "@fluxo/core/usage/forecast";
import { findTenant } from "@fluxo/prisma/repositories/tenants";
import { findUsage } from "@fluxo/prisma/repositories/usage";
import { dailyExecutions } from "@fluxo/prisma/usage/monthly";
import type { Handler } from "../../http/handler.ts";
import { toInstant } from "../instants.ts";
import { notFound } from "../not-found.ts";

/** GET /v1/tenants/{tenantId}/usage/forecast */
export const forecastUsage: Handler<Routes["forecastUsage"]> = async ({ access: { tenantId } }, { tenantDb, clock }) => {
  const found = await tenantDb.withTenant(tenantId, async (db) => ({ tenant: await findTenant(db, tenantId), usage: await findUsage(db, tenantId), history: await dailyExecutions(db, tenantId) }));
  const { tenant, usage, history } = found;
  if (tenant === undefined || usage === undefined) throw notFound("tenant");
  const used = usage.used + usage.reserved;
  const window = { start: usage.windowStart, end: usage.windowEnd };
  const { perDay, expected, exhaustedAt } = forecastQuota({ now: clock.now(), timeZone: tenant.timeZone, window, limit: usage.limit, used, history });
  return {
    status: 200,
    body: {
      metric: "executions",
      window: { start: toInstant(window.start), end: toInstant(window.end) },
      limit: usage.limit,
      used,
      perDay: Math.round(perDay * 1_000) / 1_000,
      expected: Math.round(expected),
      exhaustedAt: toInstant(exhaustedAt),
    },
  };
};

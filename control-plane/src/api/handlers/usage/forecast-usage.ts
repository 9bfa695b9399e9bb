import type { Routes } from "@fluxo/contracts/http/routes";
import { forecastQuota } from "@fluxo/core/usage/forecast";
import { findTenant } from "@fluxo/prisma/repositories/tenants";
import { findUsage } from "@fluxo/prisma/repositories/usage";
import { dailyQuotaUse } from "@fluxo/prisma/usage/monthly";
import type { Handler } from "../../http/handler.ts";
import { toInstant } from "../instants.ts";
import { notFound } from "../not-found.ts";

/** GET /v1/tenants/{tenantId}/usage/forecast */
export const forecastUsage: Handler<Routes["forecastUsage"]> = async ({ access: { tenantId } }, { tenantDb, clock }) => {
  const { tenant, usage, history } = await tenantDb.withTenant(tenantId, async (db) => ({ tenant: await findTenant(db, tenantId), usage: await findUsage(db, tenantId), history: await dailyQuotaUse(db, tenantId) }));
  if (tenant === undefined || usage === undefined) throw notFound("tenant");
  const window = { start: usage.windowStart, end: usage.windowEnd };
  const quota = <M extends "executions" | "aiTokens">(metric: M, limit: number, used: number) => {
    const { perDay, expected, exhaustedAt } = forecastQuota({ now: clock.now(), timeZone: tenant.timeZone, window, limit, used, history: history[metric] });
    return { metric, limit, used, perDay: Math.round(perDay * 1_000) / 1_000, expected: Math.round(expected), exhaustedAt: toInstant(exhaustedAt) };
  };
  const quotas = [quota("executions", usage.limit, usage.used + usage.reserved), quota("aiTokens", usage.aiTokensLimit, usage.aiTokensUsed + usage.aiTokensReserved)];
  return { status: 200, body: { window: { start: toInstant(window.start), end: toInstant(window.end) }, quotas } };
};

import type { Routes } from "@fluxo/contracts/http/routes";
import { expectedDrain } from "@fluxo/core/quota/entitlements";
import { countParked } from "@fluxo/prisma/repositories/parking";
import { findUsage } from "@fluxo/prisma/repositories/usage";
import type { Handler } from "../../http/handler.ts";
import { toInstant } from "../instants.ts";
import { notFound } from "../not-found.ts";

/** GET /v1/tenants/{tenantId}/usage */
export const getTenantUsage: Handler<Routes["getTenantUsage"]> = async ({ access }, { tenantDb }) => {
  const { tenantId } = access;
  const [usage, parked] = await tenantDb.withTenant(tenantId, async (db) => [await findUsage(db, tenantId), await countParked(db, tenantId)] as const);
  if (usage === undefined) throw notFound("tenant");
  const { limit, used, reserved, aiTokensLimit, aiTokensUsed, aiTokensReserved, drainPerMinute, windowEnd, now } = usage;
  const drainAt = expectedDrain({ parked: parked.count, room: limit - used - reserved, quota: limit, drainPerMinute, windowEnd }, now);
  return {
    status: 200,
    body: {
      tenantId,
      planId: usage.planId,
      window: { start: toInstant(usage.windowStart), end: toInstant(usage.windowEnd) },
      executions: { limit, used, reserved, remaining: Math.max(0, limit - used - reserved) },
      concurrency: { running: usage.running, max: usage.concurrencyMax },
      aiTokens: { limit: aiTokensLimit, used: aiTokensUsed, reserved: aiTokensReserved, remaining: Math.max(0, aiTokensLimit - aiTokensUsed - aiTokensReserved) },
      parked: { ...parked, oldestQueuedAt: toInstant(parked.oldestQueuedAt), expectedDrainAt: toInstant(drainAt) },
    },
  };
};

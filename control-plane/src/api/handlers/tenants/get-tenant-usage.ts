import type { Routes } from "@fluxo/contracts/http/routes";
import { findUsage } from "@fluxo/prisma/repositories/usage";
import type { Handler } from "../../http/handler.ts";
import { toInstant } from "../instants.ts";
import { notFound } from "../not-found.ts";

/** GET /v1/tenants/{tenantId}/usage */
export const getTenantUsage: Handler<Routes["getTenantUsage"]> = async ({ access }, { tenantDb }) => {
  const { tenantId } = access;
  const usage = await tenantDb.withTenant(tenantId, (db) => findUsage(db, tenantId));
  if (usage === undefined) throw notFound("tenant");
  const { limit, used, reserved } = usage;
  return {
    status: 200,
    body: {
      tenantId,
      planId: usage.planId,
      window: { start: toInstant(usage.windowStart), end: toInstant(usage.windowEnd) },
      executions: { limit, used, reserved, remaining: Math.max(0, limit - used - reserved) },
      concurrency: { running: usage.running, max: usage.concurrencyMax },
    },
  };
};

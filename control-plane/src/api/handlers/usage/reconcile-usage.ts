import type { Routes } from "@fluxo/contracts/http/routes";
import { findUsageDifferences, fullHours } from "@fluxo/prisma/usage/differences";
import type { Handler } from "../../http/handler.ts";
import { toInstant } from "../instants.ts";
import { spanOf } from "./span.ts";

/** GET /v1/tenants/{tenantId}/usage/reconciliation */
export const reconcileUsage: Handler<Routes["reconcileUsage"]> = async ({ access, query }, { tenantDb }) => {
  const span = spanOf({ granularity: "hour", ...query });
  const [from, to] = fullHours(span.from, span.to);
  const found = await tenantDb.withTenant(access.tenantId, (db) => findUsageDifferences(db, from, to));
  const differences = found.map(({ measure, subject, expected, metered }) => ({ measure, subject, expected: Number(expected), metered: Number(metered) }));
  return { status: 200, body: { isBalanced: differences.length === 0, from: toInstant(from), to: toInstant(to), differences } };
};

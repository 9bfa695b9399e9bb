import type { Routes } from "@fluxo/contracts/http/routes";
import { invoiceOf } from "@fluxo/core/usage/invoice";
import { priceSpans } from "@fluxo/core/usage/price-history";
import { findPriceHistory } from "@fluxo/prisma/repositories/price-lists";
import { findDaysOfMonth } from "@fluxo/prisma/usage/monthly";
import type { Handler } from "../../http/handler.ts";
import { toInstant } from "../instants.ts";
import { notFound } from "../not-found.ts";

/** Of an agency that has set none. */
const DEFAULT_CURRENCY = "USD";

/** GET /v1/tenants/{tenantId}/invoice */
export const getInvoice: Handler<Routes["getInvoice"]> = async ({ access: { tenantId }, query: { month } }, { tenantDb }) => {
  const parts = await tenantDb.withTenant(tenantId, async (db) => {
    const spans = priceSpans(await findPriceHistory(db, tenantId), `${month}-01`, dayAfter(month));
    const found = [];
    for (const span of spans) {
      const usage = await findDaysOfMonth(db, tenantId, month, span);
      if (usage === undefined) throw notFound("tenant");
      found.push({ ...span, usage });
    }
    return found;
  });
  const last = parts.at(-1);
  if (last === undefined) throw new Error(`The month ${month} has no days.`);
  // A currency begins with a month (`putAgencyPrices`), so that all parts have the same; before the first, there are no prices.
  const currency = last.currency ?? DEFAULT_CURRENCY;
  const { lines, total } = invoiceOf(parts, currency);
  return {
    status: 200,
    body: {
      tenantId,
      month,
      window: { start: toInstant(last.usage.start), end: toInstant(last.usage.end) },
      isFinal: last.usage.isFinal,
      currency,
      lines: lines.map((line) => ({ ...line, quantity: String(line.quantity), per: String(line.per) })),
      total,
      unpricedAiTokens: parts.reduce((sum, { usage }) => sum + Number(usage.aiUnpricedTokens), 0),
    },
  };
};

/** The first day of the next month. */
function dayAfter(month: string): string {
  const next = new Date(`${month}-01T00:00:00Z`);
  next.setUTCMonth(next.getUTCMonth() + 1);
  return next.toISOString().slice(0, 10);
}

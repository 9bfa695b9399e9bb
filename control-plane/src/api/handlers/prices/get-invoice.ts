import type { Routes } from "@fluxo/contracts/http/routes";
import { effectivePrices, invoiceOf } from "@fluxo/core/usage/invoice";
import { priceListsOf } from "@fluxo/prisma/repositories/price-lists";
import { findMonth } from "@fluxo/prisma/usage/monthly";
import type { Handler } from "../../http/handler.ts";
import { toInstant } from "../instants.ts";
import { notFound } from "../not-found.ts";

/** Of an agency that has set none. */
const DEFAULT_CURRENCY = "USD";

/** GET /v1/tenants/{tenantId}/invoice */
export const getInvoice: Handler<Routes["getInvoice"]> = async ({ access: { tenantId }, query: { month } }, { tenantDb }) => {
  const { usage, lists } = await tenantDb.withTenant(tenantId, async (db) => {
    const record = await findMonth(db, tenantId, month);
    if (record === undefined) throw notFound("tenant");
    return { usage: record, lists: await priceListsOf(db, { id: tenantId, agencyId: record.agencyId, planId: record.planId }) };
  });
  const currency = lists.find((list) => list.currency !== null)?.currency ?? DEFAULT_CURRENCY;
  const invoice = invoiceOf(usage, effectivePrices(lists.map(({ prices }) => prices)), currency);
  return {
    status: 200,
    body: {
      tenantId,
      month,
      window: { start: toInstant(usage.start), end: toInstant(usage.end) },
      isFinal: usage.isFinal,
      currency,
      lines: invoice.lines.map((line) => ({ ...line, quantity: String(line.quantity), per: String(line.per) })),
      total: invoice.total,
      unpricedAiTokens: Number(usage.aiUnpricedTokens),
    },
  };
};

import { chargeOf, type UsageCharge } from "@fluxo/core/usage/invoice";
import { dayIn, pricesOn, type PriceHistory } from "@fluxo/core/usage/price-history";
import type { TenantDb } from "@fluxo/prisma/database/tenant-db";
import { findPriceHistory } from "@fluxo/prisma/repositories/price-lists";
import { listTenants } from "@fluxo/prisma/repositories/tenants";
import type { UsageSpan } from "@fluxo/prisma/usage/columns";
import { usageRows, type UsageRow } from "@fluxo/prisma/usage/rows";

/** A row of usage of one tenant with what it costs by the prices of its day. Without prices, the currency is empty and everything costs nothing. */
export interface ChargedRow extends UsageCharge {
  readonly tenantId: string;
  readonly tenantName: string;
  readonly usage: UsageRow;
  readonly currency: string;
}

const TENANTS = 100;

/** The usage of all tenants of an agency, tenant by tenant, newest first, each in the order of time. Read in portions: nothing is held while the reader is slow. */
export async function* chargedRows(tenantDb: TenantDb, agencyId: string, span: UsageSpan): AsyncGenerator<ChargedRow> {
  for (let after: string | undefined; ; ) {
    const last = after;
    const { items, hasMore } = await tenantDb.withAgency(agencyId, (db) => listTenants(db, agencyId, {}, TENANTS, last));
    for (const tenant of items) yield* rowsOfTenant(tenantDb, tenant, span);
    after = items.at(-1)?.id;
    if (!hasMore || after === undefined) return;
  }
}

async function* rowsOfTenant(tenantDb: TenantDb, { id, name, timeZone }: { readonly id: string; readonly name: string; readonly timeZone: string }, span: UsageSpan): AsyncGenerator<ChargedRow> {
  let history: PriceHistory | undefined;
  const byDay = new Map<string, ReturnType<typeof pricesOn>>();
  for await (const usage of usageRows(tenantDb, id, span)) {
    history ??= await tenantDb.withTenant(id, (db) => findPriceHistory(db, id));
    const day = span.granularity === "day" ? usage.start : dayIn(new Date(usage.start), timeZone);
    const { prices, currency } = byDay.get(day) ?? pricesOn(history, day);
    byDay.set(day, { prices, currency });
    const charge = chargeOf({ ...usage, aiTokens: usage.aiInputTokens + usage.aiOutputTokens }, prices);
    yield { tenantId: id, tenantName: name, usage, currency: currency ?? "", ...charge };
  }
}

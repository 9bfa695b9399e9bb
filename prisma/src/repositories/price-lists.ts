import type { Prices } from "@fluxo/core/usage/invoice";
import type { PlanSince, PriceHistory, PriceVersion } from "@fluxo/core/usage/price-history";
import type { ScopedDb } from "../database/tenant-db.ts";
import { pageOfRows, type Page } from "./page.ts";

/** Of plan and tenant at most one is set; neither: the agency's own list, which alone has a currency. */
export interface PriceListRecord {
  readonly id: string;
  readonly planId: string | null;
  readonly tenantId: string | null;
  readonly currency: string | null;
  readonly prices: Prices;
  /** Midnight (UTC) of the day from which on they hold. */
  readonly validFrom: Date;
  readonly updatedAt: Date;
}

export interface PriceListTarget extends PriceListOwner {
  readonly currency?: string;
}

const select = { id: true, planId: true, tenantId: true, currency: true, prices: true, validFrom: true, updatedAt: true } as const;

/** The column is JSON; only prices are ever written into it. */
function typed<R extends { readonly prices: unknown }>(row: R): R & { readonly prices: Prices } {
  return row as R & { readonly prices: Prices };
}

/** In the order of their ids. @param db of the agency */
export async function listPriceLists(db: ScopedDb, agencyId: string, limit: number, afterId?: string): Promise<Page<PriceListRecord>> {
  const where = { agencyId, ...(afterId === undefined ? {} : { id: { gt: afterId } }) };
  return pageOfRows((await db.priceList.findMany({ where, select, orderBy: { id: "asc" }, take: limit + 1 })).map(typed), limit);
}

/** Whose a list is: of plan and tenant at most one; neither: the agency's own. */
export interface PriceListOwner {
  readonly planId?: string;
  readonly tenantId?: string;
}

/** @param db of the agency @returns undefined when the agency has none for it */
export async function findPriceListOf(db: ScopedDb, agencyId: string, { planId, tenantId }: PriceListOwner): Promise<PriceListRecord | undefined> {
  const row = await db.priceList.findFirst({ where: { agencyId, planId: planId ?? null, tenantId: tenantId ?? null }, select });
  return row === null ? undefined : typed(row);
}

/** @param db of the agency @returns undefined when the agency has no such list */
export async function findPriceList(db: ScopedDb, agencyId: string, id: string): Promise<PriceListRecord | undefined> {
  const row = await db.priceList.findFirst({ where: { agencyId, id }, select });
  return row === null ? undefined : typed(row);
}

/** Prices with the day from which on they hold. */
export interface DatedPrices {
  readonly prices: Prices;
  readonly validFrom: Date;
}

/** Writes the list of a target, or replaces it: from its day on, whatever was to hold then; what held before stays (`fluxo_note_prices`). @param db of the agency, which must see plan and tenant @param id for a new list */
export async function putPriceList(db: ScopedDb, agencyId: string, id: string, { planId, tenantId, currency }: PriceListTarget, { prices, validFrom }: DatedPrices): Promise<PriceListRecord> {
  const target = { agencyId, planId: planId ?? null, tenantId: tenantId ?? null };
  // Two writers of one list wait here for each other, and do not make two.
  await db.$queryRaw`SELECT 1 FROM pg_advisory_xact_lock(hashtextextended(${`price-list:${agencyId}:${planId ?? ""}:${tenantId ?? ""}`}, 0))`;
  const found = await db.priceList.findFirst({ where: target, select: { id: true } });
  const data = { prices: { ...prices }, currency: currency ?? null, validFrom };
  if (found === null) return typed(await db.priceList.create({ data: { ...target, id, ...data }, select }));
  return typed(await db.priceList.update({ where: { agencyId_id: { agencyId, id: found.id } }, data, select }));
}

/** @param db of the agency @returns whether there was one */
export async function deletePriceList(db: ScopedDb, agencyId: string, id: string): Promise<boolean> {
  return (await db.priceList.deleteMany({ where: { agencyId, id } })).count > 0;
}

/** The currency that an agency's prices had before a day, also when its list ended since; undefined when it had none. @param db of the agency */
export async function findCurrencyBefore(db: ScopedDb, agencyId: string, day: Date): Promise<string | undefined> {
  const row = await db.priceListVersion.findFirst({ where: { agencyId, planId: null, tenantId: null, validFrom: { lt: day } }, orderBy: { validFrom: "desc" }, select: { currency: true } });
  return row?.currency ?? undefined;
}

/** What a tenant is charged by, day by day. @param db of the tenant */
export async function findPriceHistory(db: ScopedDb, tenantId: string): Promise<PriceHistory> {
  const plans = await db.$queryRaw<PlanSince[]>`SELECT from_day::text AS "fromDay", plan_id AS "planId" FROM tenant_plans WHERE tenant_id = ${tenantId}::uuid ORDER BY from_day`;
  const versions = await db.$queryRaw<PriceVersion[]>`
    SELECT v.plan_id AS "planId", v.tenant_id AS "tenantId", v.currency, v.prices, v.valid_from::text AS "validFrom" FROM price_list_versions v
    WHERE v.agency_id = (SELECT t.agency_id FROM tenants t WHERE t.id = ${tenantId}::uuid) AND (v.tenant_id IS NULL OR v.tenant_id = ${tenantId}::uuid)
      AND (v.plan_id IS NULL OR v.plan_id IN (SELECT p.plan_id FROM tenant_plans p WHERE p.tenant_id = ${tenantId}::uuid))
    ORDER BY v.valid_from`;
  return { plans, versions };
}

import type { Prices } from "@fluxo/core/usage/invoice";
import type { ScopedDb } from "../database/tenant-db.ts";
import { pageOfRows, type Page } from "./page.ts";

/** Of plan and tenant at most one is set; neither: the agency's own list, which alone has a currency. */
export interface PriceListRecord {
  readonly id: string;
  readonly planId: string | null;
  readonly tenantId: string | null;
  readonly currency: string | null;
  readonly prices: Prices;
  readonly updatedAt: Date;
}

export interface PriceListTarget extends PriceListOwner {
  readonly currency?: string;
}

const select = { id: true, planId: true, tenantId: true, currency: true, prices: true, updatedAt: true } as const;

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

/** Writes the list of a target, or replaces it. @param db of the agency, which must see plan and tenant @param id for a new list */
export async function putPriceList(db: ScopedDb, agencyId: string, id: string, { planId, tenantId, currency }: PriceListTarget, prices: Prices): Promise<PriceListRecord> {
  const target = { agencyId, planId: planId ?? null, tenantId: tenantId ?? null };
  // Two writers of one list wait here for each other, and do not make two.
  await db.$queryRaw`SELECT 1 FROM pg_advisory_xact_lock(hashtextextended(${`price-list:${agencyId}:${planId ?? ""}:${tenantId ?? ""}`}, 0))`;
  const found = await db.priceList.findFirst({ where: target, select: { id: true } });
  const data = { prices: { ...prices }, currency: currency ?? null };
  if (found === null) return typed(await db.priceList.create({ data: { ...target, id, ...data }, select }));
  return typed(await db.priceList.update({ where: { agencyId_id: { agencyId, id: found.id } }, data, select }));
}

/** @param db of the agency @returns whether there was one */
export async function deletePriceList(db: ScopedDb, agencyId: string, id: string): Promise<boolean> {
  return (await db.priceList.deleteMany({ where: { agencyId, id } })).count > 0;
}

/** The lists that a tenant is charged by, the most special first. @param db of the tenant */
export async function priceListsOf(db: ScopedDb, tenant: { readonly id: string; readonly agencyId: string; readonly planId: string }): Promise<readonly PriceListRecord[]> {
  const lists = await db.priceList.findMany({
    where: { agencyId: tenant.agencyId, OR: [{ tenantId: tenant.id }, { planId: tenant.planId }, { tenantId: null, planId: null }] },
    select,
  });
  const rank = ({ planId, tenantId }: { planId: string | null; tenantId: string | null }): number => (tenantId !== null ? 0 : planId !== null ? 1 : 2);
  return lists.toSorted((left, right) => rank(left) - rank(right)).map(typed);
}

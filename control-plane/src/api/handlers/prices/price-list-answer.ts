import type { Routes } from "@fluxo/contracts/http/routes";
import type { DatedPrices, PriceListRecord } from "@fluxo/prisma/repositories/price-lists";
import type { z } from "zod";
import { toInstant } from "../instants.ts";

type PriceListAnswer = z.input<Routes["putAgencyPrices"]["responses"][200]["body"]>;
type GivenPrices = z.output<Routes["putPlanPrices"]["body"]>["prices"];

/** A price list as it is answered. */
export function toPriceListAnswer({ id, planId, tenantId, currency, prices, validFrom, updatedAt }: PriceListRecord): PriceListAnswer {
  return { id, planId, tenantId, currency, prices: { ...prices }, validFrom: validFrom.toISOString().slice(0, 10), updatedAt: toInstant(updatedAt) };
}

/** The prices that were given, without those that were not, from their day on: today (UTC), when none is named. */
export function datedPrices({ prices, validFrom }: { readonly prices: GivenPrices; readonly validFrom?: string | undefined }, now: Date): DatedPrices {
  return { prices: Object.fromEntries(Object.entries(prices).filter(([, price]) => price !== undefined)), validFrom: new Date(`${validFrom ?? now.toISOString().slice(0, 10)}T00:00:00Z`) };
}

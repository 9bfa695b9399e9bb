import type { Routes } from "@fluxo/contracts/http/routes";
import type { PriceListRecord } from "@fluxo/prisma/repositories/price-lists";
import type { z } from "zod";
import { toInstant } from "../instants.ts";

type PriceListAnswer = z.input<Routes["putAgencyPrices"]["responses"][200]["body"]>;
type GivenPrices = z.output<Routes["putPlanPrices"]["body"]>["prices"];

/** A price list as it is answered. */
export function toPriceListAnswer({ id, planId, tenantId, currency, prices, updatedAt }: PriceListRecord): PriceListAnswer {
  return { id, planId, tenantId, currency, prices: { ...prices }, updatedAt: toInstant(updatedAt) };
}

/** The prices that were given, without those that were not. */
export function givenPrices(prices: GivenPrices): PriceListRecord["prices"] {
  return Object.fromEntries(Object.entries(prices).filter(([, price]) => price !== undefined));
}

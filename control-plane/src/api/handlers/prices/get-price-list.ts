import type { Routes } from "@fluxo/contracts/http/routes";
import { findPriceList, findPriceListOf, type PriceListRecord } from "@fluxo/prisma/repositories/price-lists";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { toPriceListAnswer } from "./price-list-answer.ts";

/** GET /v1/price-lists/agency */
export const getAgencyPrices: Handler<Routes["getAgencyPrices"]> = async ({ access: { agencyId } }, { tenantDb }) => {
  return { status: 200, body: answerOf(await tenantDb.withAgency(agencyId, (db) => findPriceListOf(db, agencyId, {}))) };
};

/** GET /v1/price-lists/plans/{planId} */
export const getPlanPrices: Handler<Routes["getPlanPrices"]> = async ({ access: { agencyId }, params: { planId } }, { tenantDb }) => {
  return { status: 200, body: answerOf(await tenantDb.withAgency(agencyId, (db) => findPriceListOf(db, agencyId, { planId }))) };
};

/** GET /v1/price-lists/tenants/{tenantId} */
export const getTenantPrices: Handler<Routes["getTenantPrices"]> = async ({ access: { agencyId }, params: { tenantId } }, { tenantDb }) => {
  return { status: 200, body: answerOf(await tenantDb.withAgency(agencyId, (db) => findPriceListOf(db, agencyId, { tenantId }))) };
};

/** GET /v1/price-lists/{priceListId} */
export const getPriceList: Handler<Routes["getPriceList"]> = async ({ access: { agencyId }, params: { priceListId } }, { tenantDb }) => {
  return { status: 200, body: answerOf(await tenantDb.withAgency(agencyId, (db) => findPriceList(db, agencyId, priceListId))) };
};

function answerOf(list: PriceListRecord | undefined) {
  if (list === undefined) throw notFound("price list");
  return toPriceListAnswer(list);
}

import type { Routes } from "@fluxo/contracts/http/routes";
import { hasPlan } from "@fluxo/prisma/repositories/plans";
import { putPriceList } from "@fluxo/prisma/repositories/price-lists";
import { findTenant } from "@fluxo/prisma/repositories/tenants";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { givenPrices, toPriceListAnswer } from "./price-list-answer.ts";

/** PUT /v1/price-lists/agency */
export const putAgencyPrices: Handler<Routes["putAgencyPrices"]> = async ({ access: { agencyId }, body }, { tenantDb, ids }) => {
  const list = await tenantDb.withAgency(agencyId, (db) => putPriceList(db, agencyId, ids.next(), { currency: body.currency }, givenPrices(body.prices)));
  return { status: 200, body: toPriceListAnswer(list) };
};

/** PUT /v1/price-lists/plans/{planId} */
export const putPlanPrices: Handler<Routes["putPlanPrices"]> = async ({ access: { agencyId }, params: { planId }, body }, { tenantDb, ids }) => {
  const list = await tenantDb.withAgency(agencyId, async (db) => {
    if (!(await hasPlan(db, planId))) throw notFound("plan");
    return putPriceList(db, agencyId, ids.next(), { planId }, givenPrices(body.prices));
  });
  return { status: 200, body: toPriceListAnswer(list) };
};

/** PUT /v1/price-lists/tenants/{tenantId} */
export const putTenantPrices: Handler<Routes["putTenantPrices"]> = async ({ access: { agencyId }, params: { tenantId }, body }, { tenantDb, ids }) => {
  const list = await tenantDb.withAgency(agencyId, async (db) => {
    if ((await findTenant(db, tenantId)) === undefined) throw notFound("tenant");
    return putPriceList(db, agencyId, ids.next(), { tenantId }, givenPrices(body.prices));
  });
  return { status: 200, body: toPriceListAnswer(list) };
};

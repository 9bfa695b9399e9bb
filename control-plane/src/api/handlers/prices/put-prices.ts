import type { Routes } from "@fluxo/contracts/http/routes";
import { hasPlan } from "@fluxo/prisma/repositories/plans";
import { findCurrencyBefore, putPriceList } from "@fluxo/prisma/repositories/price-lists";
import { findTenant } from "@fluxo/prisma/repositories/tenants";
import type { Handler } from "../../http/handler.ts";
import { invalid } from "../../http/validate.ts";
import { notFound } from "../not-found.ts";
import { datedPrices, toPriceListAnswer } from "./price-list-answer.ts";

/** PUT /v1/price-lists/agency */
export const putAgencyPrices: Handler<Routes["putAgencyPrices"]> = async ({ access: { agencyId }, body }, { tenantDb, ids, clock }) => {
  const dated = datedPrices(body, clock.now());
  const list = await tenantDb.withAgency(agencyId, async (db) => {
    const before = await findCurrencyBefore(db, agencyId, dated.validFrom);
    // An invoice has one currency.
    if (before !== undefined && before !== body.currency && dated.validFrom.getUTCDate() !== 1) {
      throw invalid([{ path: "/body/validFrom", code: "invalid_value", message: "must be the first day of a month: another currency begins with a month" }]);
    }
    return putPriceList(db, agencyId, ids.next(), { currency: body.currency }, dated);
  });
  return { status: 200, body: toPriceListAnswer(list) };
};

/** PUT /v1/price-lists/plans/{planId} */
export const putPlanPrices: Handler<Routes["putPlanPrices"]> = async ({ access: { agencyId }, params: { planId }, body }, { tenantDb, ids, clock }) => {
  const list = await tenantDb.withAgency(agencyId, async (db) => {
    if (!(await hasPlan(db, planId))) throw notFound("plan");
    return putPriceList(db, agencyId, ids.next(), { planId }, datedPrices(body, clock.now()));
  });
  return { status: 200, body: toPriceListAnswer(list) };
};

/** PUT /v1/price-lists/tenants/{tenantId} */
export const putTenantPrices: Handler<Routes["putTenantPrices"]> = async ({ access: { agencyId }, params: { tenantId }, body }, { tenantDb, ids, clock }) => {
  const list = await tenantDb.withAgency(agencyId, async (db) => {
    if ((await findTenant(db, tenantId)) === undefined) throw notFound("tenant");
    return putPriceList(db, agencyId, ids.next(), { tenantId }, datedPrices(body, clock.now()));
  });
  return { status: 200, body: toPriceListAnswer(list) };
};

import type { Routes } from "@fluxo/contracts/http/routes";
import { deletePriceList as removePriceList } from "@fluxo/prisma/repositories/price-lists";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";

/** DELETE /v1/price-lists/{priceListId} */
export const deletePriceList: Handler<Routes["deletePriceList"]> = async ({ access: { agencyId }, params }, { tenantDb }) => {
  const isDeleted = await tenantDb.withAgency(agencyId, (db) => removePriceList(db, agencyId, params.priceListId));
  if (!isDeleted) throw notFound("price list");
  return { status: 204 };
};

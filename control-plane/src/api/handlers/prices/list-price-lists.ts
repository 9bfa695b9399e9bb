import type { Routes } from "@fluxo/contracts/http/routes";
import { listPriceLists as findPriceLists } from "@fluxo/prisma/repositories/price-lists";
import type { Handler } from "../../http/handler.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";
import { toPriceListAnswer } from "./price-list-answer.ts";

/** GET /v1/price-lists */
export const listPriceLists: Handler<Routes["listPriceLists"]> = async ({ access: { agencyId }, query }, { tenantDb }) => {
  const after = idOfPageToken(query.pageToken);
  const page = await tenantDb.withAgency(agencyId, (db) => findPriceLists(db, agencyId, query.limit, after));
  return { status: 200, body: toIdPage(page, toPriceListAnswer) };
};

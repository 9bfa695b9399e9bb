import type { Routes } from "@fluxo/contracts/http/routes";
import { listPlans as findPlans } from "@fluxo/prisma/repositories/plans";
import type { Handler } from "../../http/handler.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";
import { toPlanAnswer } from "./plan-answer.ts";
import { inScopeOfCaller } from "./scope-of-caller.ts";

/** GET /v1/plans */
export const listPlans: Handler<Routes["listPlans"]> = async ({ access, query }, { tenantDb }) => {
  const after = idOfPageToken(query.pageToken);
  const page = await inScopeOfCaller(access, tenantDb, (db) => findPlans(db, query.limit, after, query.code));
  return { status: 200, body: toIdPage(page, toPlanAnswer) };
};

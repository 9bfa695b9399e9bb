import type { Routes } from "@fluxo/contracts/http/routes";
import type { Handler } from "../../http/handler.ts";
import { requireTrigger } from "../../../triggers/find-watched.ts";
import { toWatchedAnswer } from "./watched-answer.ts";

/** GET /v1/triggers/{triggerId} */
export const getTrigger: Handler<Routes["getTrigger"]> = async ({ access, params }, { tenantDb, publicIngressUrl, clock }) => {
  const trigger = await tenantDb.withTenant(access.tenantId, (db) => requireTrigger(db, access.tenantId, params.triggerId));
  return { status: 200, body: toWatchedAnswer(trigger, { publicIngressUrl, now: clock.now() }) };
};

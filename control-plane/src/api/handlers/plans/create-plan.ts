import { concurrencyClassFor } from "@fluxo/contracts/events/execution-released";
import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { createPlan as insertPlan, listPlans } from "@fluxo/prisma/repositories/plans";
import type { Handler } from "../../http/handler.ts";
import { refuseTakenNames } from "../name-taken.ts";
import { entityTag } from "../workflows/entity-tag.ts";
import { assertKnownTypes, assertWithinAgency } from "./plan-terms.ts";
import { toPlanAnswer } from "./plan-answer.ts";

/** POST /v1/plans */
export const createPlan: Handler<Routes["createPlan"]> = async ({ access, body }, { tenantDb, ids }) => {
  const { agencyId } = access;
  const { code, name, ...entitlements } = body;
  assertKnownTypes(entitlements);
  const plan = await refuseTakenNames("plan", () =>
    tenantDb.withAgency(agencyId, async (db) => {
      await assertWithinAgency(db, agencyId, entitlements);
      // The operator's plans are of the same list: a short name means one plan.
      if ((await listPlans(db, 1, undefined, code)).items.length > 0) throw new RequestError("NAME_TAKEN", { detail: "Another plan has this code already.", issues: [{ path: "/body/code", code: "taken", message: "is taken" }] });
      return insertPlan(db, { id: ids.next(), agencyId, code, name, entitlements, concurrencyClass: concurrencyClassFor(entitlements.concurrencyMax) });
    }),
  );
  return { status: 201, headers: { Location: `/v1/plans/${plan.id}`, ETag: entityTag(plan.revision) }, body: toPlanAnswer(plan) };
};

import { NAMED_MAX } from "@fluxo/contracts/http/operator-plans";
import type { RouteResult } from "@fluxo/contracts/http/route";
import type { Routes } from "@fluxo/contracts/http/routes";
import { nodeTiers } from "@fluxo/nodes/catalog";
import { countTenantsOfOperatorPlan, findOperatorPlanEffects, type OperatorPlanEffectRecord } from "@fluxo/prisma/repositories/plan-effects";
import type { Handler } from "../../http/handler.ts";
import { encodePageToken } from "../../http/page-token.ts";
import { idOfPageToken } from "../pages.ts";
import { requireOperatorPlan } from "./operator-plans.ts";
import { effectOf } from "./plan-effects.ts";
import { assertKnownTypes } from "./plan-terms.ts";
import { givenOf } from "./update-plan.ts";

type Preview = Extract<RouteResult<Routes["previewOperatorPlanChange"]>, { status: 200 }>["body"];

/** POST /v1/operator/plans/{planId}/preview */
export const previewOperatorPlanChange: Handler<Routes["previewOperatorPlanChange"]> = async ({ params, query, body }, { tenantDb }) => {
  const { planId } = params;
  const after = idOfPageToken(query.pageToken);
  const changes = givenOf(body);
  assertKnownTypes(changes);
  const { tenants, records } = await tenantDb.withOperator(async (db) => {
    await requireOperatorPlan(db, planId);
    return { tenants: await countTenantsOfOperatorPlan(db, planId), records: await findOperatorPlanEffects(db, { planId, changes }, nodeTiers(), query.limit, after) };
  });
  const byTenant = Map.groupBy(records, ({ tenantId }) => tenantId);
  const affected = [...byTenant.values()].map(toAffected).filter(({ codes }) => codes.length > 0);
  const last = [...byTenant.keys()].at(-1);
  return {
    status: 200,
    body: {
      planId,
      tenants,
      examined: byTenant.size,
      affected: affected.length,
      blockedWorkflows: affected.reduce((sum, { blockedWorkflows }) => sum + blockedWorkflows, 0),
      rules: rulesOf(records),
      data: affected.slice(0, NAMED_MAX),
      nextPageToken: byTenant.size === query.limit && last !== undefined ? encodePageToken([last]) : null,
    },
  };
};

/** The records of one tenant. */
function toAffected(records: readonly OperatorPlanEffectRecord[]): Preview["data"][number] {
  const [{ agencyId, tenantId } = { agencyId: "", tenantId: "" }] = records;
  const effects = records.flatMap(({ code, detail, workflowIds }) => (code === null ? [] : [{ ...effectOf(code, detail), workflowIds }]));
  const blocked = effects.filter(({ effect }) => effect === "blocked").flatMap(({ workflowIds }) => workflowIds);
  return { agencyId, tenantId, blockedWorkflows: new Set(blocked).size, codes: [...new Set(effects.map(({ code }) => code))] };
}

/** What there is of each rule and effect, over all tenants. */
function rulesOf(records: readonly OperatorPlanEffectRecord[]): Preview["rules"] {
  const effects = records.flatMap(({ code, detail, ...record }) => (code === null ? [] : [{ ...effectOf(code, detail), ...record }]));
  return [...Map.groupBy(effects, ({ code, effect }) => `${code} ${effect}`).values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined) return [];
    const workflows = new Set(same.flatMap(({ workflowIds }) => workflowIds));
    return [{ code: first.code, effect: first.effect, tenants: new Set(same.map(({ tenantId }) => tenantId)).size, workflows: workflows.size }];
  });
}

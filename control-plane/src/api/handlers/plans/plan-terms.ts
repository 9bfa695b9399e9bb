import { RequestError, type FieldIssue } from "@fluxo/core/errors/request-error";
import { exceededLimits, type AgencyLimits, type LimitedTerms } from "@fluxo/core/quota/agency-limits";
import type { Entitlements } from "@fluxo/core/quota/entitlements";
import { catalog, nodeTiers } from "@fluxo/nodes/catalog";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { findAgencyLimits } from "@fluxo/prisma/repositories/managed-agencies";
import { invalid } from "../../http/validate.ts";

/** Refuses lists that name node types which nobody knows. @throws RequestError VALIDATION_FAILED */
export function assertKnownTypes(terms: Partial<Pick<Entitlements, "nodeTypesAllowed" | "nodeTypesDenied">>): void {
  const issues = (["nodeTypesAllowed", "nodeTypesDenied"] as const).flatMap((field) =>
    (terms[field] ?? []).filter((type) => !Object.hasOwn(catalog, type)).map((type) => ({ path: `/body/${field}`, code: "unknown", message: `"${type}" is not a node type` })),
  );
  if (issues.length > 0) throw invalid(issues);
}

/** The entitlement that each limit of an agency is about. */
const LIMITED = {
  tierRankMax: "tierRank",
  executionsPerMonthMax: "executionsPerMonth",
  nodesPerWorkflowMax: "nodesPerWorkflowMax",
  activeWorkflowsMax: "activeWorkflowsMax",
  concurrencyMax: "concurrencyMax",
  aiTokensPerMonthMax: "aiTokensPerMonth",
  seatsMax: "seatsMax",
  apiRequestsPerMinuteMax: "apiRequestsPerMinute",
  ingressRequestsPerMinuteMax: "ingressRequestsPerMinute",
} as const satisfies Record<Exclude<keyof AgencyLimits, "tenantsMax">, keyof Entitlements>;

/**
 * Refuses a plan that grants more than the operator allows the agency; a node type that the plan includes by name counts with its tier.
 * @param db of the agency
 * @throws RequestError PLAN_BEYOND_AGENCY with an issue per limit
 */
export async function assertWithinAgency(db: ScopedDb, agencyId: string, plan: Entitlements): Promise<void> {
  const limits = await findAgencyLimits(db, agencyId);
  const terms: LimitedTerms = Object.fromEntries(Object.entries(LIMITED).map(([limit, entitlement]) => [limit, plan[entitlement]]));
  const exceeded = exceededLimits(terms, limits).map(({ limit, allowed }): FieldIssue => ({ path: `/body/${limit === "tenantsMax" ? limit : LIMITED[limit]}`, code: "beyond_agency", message: `is more than the operator allows the agency: ${allowed}` }));
  const tiers = nodeTiers();
  const included = plan.nodeTypesAllowed.filter((type) => limits.tierRankMax !== undefined && (tiers[type] ?? 0) > limits.tierRankMax);
  const issues = [...exceeded, ...included.map((type): FieldIssue => ({ path: "/body/nodeTypesAllowed", code: "beyond_agency", message: `"${type}" is of a higher tier than the operator allows the agency` }))];
  if (issues.length > 0) throw new RequestError("PLAN_BEYOND_AGENCY", { issues });
}

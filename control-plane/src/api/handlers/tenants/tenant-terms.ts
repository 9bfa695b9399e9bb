import type { FieldIssue } from "@fluxo/core/errors/request-error";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { findPlan } from "@fluxo/prisma/repositories/plans";
import { isKnownTimeZone } from "@fluxo/prisma/repositories/tenants";
import { invalid } from "../../http/validate.ts";

/**
 * Refuses a plan that the agency cannot give and a time zone that the database cannot count in. A tenant keeps a retired plan that it has.
 * @param db of the agency
 * @throws RequestError VALIDATION_FAILED
 */
export async function assertTenantTerms(db: ScopedDb, terms: { readonly planId?: string | undefined; readonly timeZone?: string | undefined }, presentPlanId?: string): Promise<void> {
  const issues: FieldIssue[] = [];
  if (terms.planId !== undefined && terms.planId !== presentPlanId) {
    // Foreign keys look past row-level security, so the plan is looked for first.
    const plan = await findPlan(db, terms.planId);
    if (plan === undefined) issues.push({ path: "/body/planId", code: "unknown", message: "is not a plan of this agency" });
    else if (plan.retiredAt !== null) issues.push({ path: "/body/planId", code: "retired", message: "is retired: no further tenant gets it" });
  }
  if (terms.timeZone !== undefined && !(await isKnownTimeZone(db, terms.timeZone))) issues.push({ path: "/body/timeZone", code: "unknown", message: "is not a known IANA time zone" });
  if (issues.length > 0) throw invalid(issues);
}

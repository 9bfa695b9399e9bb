import type { FieldIssue } from "@fluxo/core/errors/request-error";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { hasPlan } from "@fluxo/prisma/repositories/plans";
import { isKnownTimeZone } from "@fluxo/prisma/repositories/tenants";
import { invalid } from "../../http/validate.ts";

/** Refuses a plan that the agency cannot give and a time zone that the database cannot count in. @throws RequestError VALIDATION_FAILED */
export async function assertTenantTerms(db: ScopedDb, terms: { readonly planId?: string | undefined; readonly timeZone?: string | undefined }): Promise<void> {
  const issues: FieldIssue[] = [];
  if (terms.planId !== undefined && !(await hasPlan(db, terms.planId))) issues.push({ path: "/body/planId", code: "unknown", message: "is not a plan of this agency" });
  if (terms.timeZone !== undefined && !(await isKnownTimeZone(db, terms.timeZone))) issues.push({ path: "/body/timeZone", code: "unknown", message: "is not a known IANA time zone" });
  if (issues.length > 0) throw invalid(issues);
}

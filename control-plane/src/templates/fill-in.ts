import { RequestError } from "@fluxo/core/errors/request-error";
import type { Graph } from "@fluxo/core/graph/graph";
import { resolveParameters, type ParameterValues } from "@fluxo/core/workflow-templates/parameters";
import { renderTemplate } from "@fluxo/core/workflow-templates/placeholders";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { findPlanOfTenant } from "@fluxo/prisma/repositories/plans";
import { planWarnings } from "../publishing/graph-catalog.ts";
import type { TemplateContent } from "./content.ts";

/**
 * The graph of a version for one tenant. @returns also the values of all its parameters
 * @throws RequestError VALIDATION_FAILED with the parameters at fault
 */
export function fillIn(content: TemplateContent, given: ParameterValues): { readonly graph: Graph; readonly values: ParameterValues } {
  const { values, issues } = resolveParameters(content.parameters, given);
  const [first] = issues;
  if (first !== undefined) {
    const named = issues.map(({ path, ...issue }) => ({ path: `/body/parameters${path}`, ...issue }));
    throw new RequestError("VALIDATION_FAILED", { detail: `The parameter ${first.path.slice(1)} ${first.message}.`, issues: named });
  }
  return { graph: renderTemplate(content.graph, values), values };
}

/**
 * Refuses a graph of which the tenant's plan would let no execution start: better the version of before than one that is blocked.
 * @param db of the tenant
 * @throws RequestError NODE_NOT_IN_PLAN, TOO_MANY_NODES
 */
export async function assertInPlan(db: ScopedDb, tenantId: string, graph: Graph): Promise<void> {
  const plan = await findPlanOfTenant(db, tenantId);
  const [first] = plan === undefined ? [] : planWarnings(graph, plan);
  if (first !== undefined) throw new RequestError(first.code === "TOO_MANY_NODES" ? "TOO_MANY_NODES" : "NODE_NOT_IN_PLAN", { detail: first.message });
}

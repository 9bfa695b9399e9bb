import { RequestError } from "@fluxo/core/errors/request-error";
import { graphSchema, type Graph } from "@fluxo/core/graph/graph";
import { findLockIssues, templateLocksSchema } from "@fluxo/core/workflow-templates/locks";
import { findOverrides } from "@fluxo/core/workflow-templates/merge";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { findInstallationOfWorkflow, setOverrides } from "@fluxo/prisma/repositories/template-installations";

/**
 * Of a workflow that came from a template: refuses a graph that changes locked parts, and notes what it has otherwise than the template, so that the
 * agency sees it and the next version keeps it. Workflows of the tenant's own are left alone.
 * @param db of the tenant, with the workflow locked
 * @param graph a valid one
 * @throws RequestError TEMPLATE_LOCKED with an issue per part
 */
export async function noteOverrides(db: ScopedDb, tenantId: string, workflowId: string, graph: Graph): Promise<void> {
  const installation = await findInstallationOfWorkflow(db, tenantId, workflowId);
  if (installation === undefined) return;
  const base = graphSchema.parse(installation.base);
  const issues = findLockIssues(base, graph, templateLocksSchema.parse(installation.locks));
  const [first] = issues;
  if (first !== undefined) throw new RequestError("TEMPLATE_LOCKED", { detail: first.message, issues });
  await setOverrides(db, tenantId, installation.templateId, findOverrides(base, graph));
}

import type { ParameterValues } from "@fluxo/core/workflow-templates/parameters";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { createInstallation } from "@fluxo/prisma/repositories/template-installations";
import { createWorkflow } from "@fluxo/prisma/repositories/workflows";
import { publishGraph, type PublishResult } from "../publishing/publish-graph.ts";
import type { PublishPorts } from "../publishing/ports.ts";
import type { TemplateContent } from "./content.ts";
import { assertInPlan, fillIn } from "./fill-in.ts";

export interface InstallRequest {
  readonly agencyId: string;
  readonly content: TemplateContent;
  /** Of the new workflow; unique in the tenant. */
  readonly name: string;
  readonly parameters: ParameterValues;
  /** Who asks. */
  readonly actorId: string;
}

/**
 * Gives a tenant a template that it does not have: a new workflow, published and active.
 * @param db of the tenant
 * @throws RequestError VALIDATION_FAILED, GRAPH_INVALID, NODE_NOT_IN_PLAN, TOO_MANY_NODES
 * @throws the unique violation of the workflow's name, or of the installation
 */
export async function installTemplate(db: ScopedDb, tenantId: string, request: InstallRequest, ports: PublishPorts): Promise<{ readonly workflowId: string; readonly published: PublishResult }> {
  const { agencyId, content, name, parameters, actorId } = request;
  const { graph, values } = fillIn(content, parameters);
  await assertInPlan(db, tenantId, graph);
  const { id: workflowId } = await createWorkflow(db, tenantId, { id: ports.ids.next(), name, draft: graph });
  const published = await publishGraph(db, tenantId, { workflowId, graph, publishedBy: actorId, activates: true, isByTemplate: true }, ports);
  const { id: versionId, templateId, number: versionNumber, locks } = content;
  await createInstallation(db, tenantId, { agencyId, templateId, workflowId, versionId, versionNumber, parameters: values, base: graph, locks });
  return { workflowId, published };
}

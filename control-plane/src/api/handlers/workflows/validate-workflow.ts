import type { Routes } from "@fluxo/contracts/http/routes";
import { credentialIdsOf, credentialUsesOf, findCredentialIssues } from "@fluxo/core/credentials/uses";
import { graphSchema } from "@fluxo/core/graph/graph";
import { checkGraph } from "@fluxo/core/graph/validate";
import { planGraph } from "@fluxo/core/planning/plan";
import { findCredentialKinds } from "@fluxo/prisma/credentials/usages";
import { findPlanOfTenant } from "@fluxo/prisma/repositories/plans";
import { findDraft } from "@fluxo/prisma/repositories/workflows";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { findChildIssues } from "../../../publishing/child-issues.ts";
import { nodeCatalog, planWarnings } from "../../../publishing/graph-catalog.ts";

/** POST /v1/workflows/{workflowId}/validate */
export const validateWorkflow: Handler<Routes["validateWorkflow"]> = async ({ access, params, body }, { tenantDb }) => {
  const { tenantId } = access;
  const [draft, plan] = await tenantDb.withTenant(tenantId, async (db) => [await findDraft(db, tenantId, params.workflowId), await findPlanOfTenant(db, tenantId)] as const);
  if (draft === undefined || plan === undefined) throw notFound("workflow");
  const graph = body?.graph ?? graphSchema.parse(draft.graph);
  const uses = credentialUsesOf(graph, nodeCatalog);
  const ofOthers = await tenantDb.withTenant(tenantId, async (db) => [
    ...(await findChildIssues(db, tenantId, params.workflowId, graph)),
    ...findCredentialIssues(uses, await findCredentialKinds(db, tenantId, credentialIdsOf(uses))),
  ]);
  const checked = checkGraph(graph, nodeCatalog);
  const issues = [...checked.issues, ...ofOthers];
  const isValid = issues.length === 0;
  const planned = isValid ? planGraph(graph, nodeCatalog) : undefined;
  return {
    status: 200,
    body: {
      valid: isValid,
      issues,
      warnings: [...checked.warnings, ...planWarnings(graph, plan)],
      plan: planned === undefined ? null : { triggers: [...planned.triggers], readySets: planned.readySets.map((set) => [...set]) },
    },
  };
};

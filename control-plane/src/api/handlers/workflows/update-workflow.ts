import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { armTriggers, notePeriods } from "@fluxo/prisma/dispatch/arm";
import { findWorkflow, updateWorkflow as changeWorkflow } from "@fluxo/prisma/repositories/workflows";
import type { Handler } from "../../http/handler.ts";
import { assertErrorWorkflow } from "../error-workflow.ts";
import { refuseTakenNames } from "../name-taken.ts";
import { notFound } from "../not-found.ts";
import { toWorkflowAnswer } from "./workflow-answer.ts";

/** PATCH /v1/workflows/{workflowId} */
export const updateWorkflow: Handler<Routes["updateWorkflow"]> = async ({ access, params, body }, { tenantDb }) => {
  const { tenantId } = access;
  await assertErrorWorkflow(tenantDb, tenantId, body.errorWorkflowId, "/body/errorWorkflowId");
  const workflow = await refuseTakenNames("workflow", () =>
    tenantDb.withTenant(tenantId, async (db) => {
      const found = await findWorkflow(db, tenantId, params.workflowId);
      // A published version never goes away again, so this cannot become untrue before the update.
      if (body.isActive === true && found?.publishedVersion === null) throw new RequestError("WORKFLOW_NOT_PUBLISHED");
      if (found === undefined) return undefined;
      const changed = await changeWorkflow(db, tenantId, params.workflowId, body);
      if (body.isActive === true) await armTriggers(db, tenantId, params.workflowId);
      if (body.isActive !== undefined) await notePeriods(db, tenantId, params.workflowId);
      return changed;
    }),
  );
  if (workflow === undefined) throw notFound("workflow");
  return { status: 200, body: toWorkflowAnswer(workflow) };
};

import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { findWorkflow, updateWorkflow as changeWorkflow } from "@fluxo/prisma/repositories/workflows";
import type { Handler } from "../../http/handler.ts";
import { refuseTakenNames } from "../name-taken.ts";
import { notFound } from "../not-found.ts";
import { toWorkflowAnswer } from "./workflow-answer.ts";

/** PATCH /v1/workflows/{workflowId} */
export const updateWorkflow: Handler<Routes["updateWorkflow"]> = async ({ access, params, body }, { tenantDb }) => {
  const { tenantId } = access;
  const workflow = await refuseTakenNames("workflow", () =>
    tenantDb.withTenant(tenantId, async (db) => {
      const found = await findWorkflow(db, tenantId, params.workflowId);
      // A published version never goes away again, so this cannot become untrue before the update.
      if (body.isActive === true && found?.publishedVersion === null) throw new RequestError("WORKFLOW_NOT_PUBLISHED");
      return found === undefined ? undefined : changeWorkflow(db, tenantId, params.workflowId, body);
    }),
  );
  if (workflow === undefined) throw notFound("workflow");
  return { status: 200, body: toWorkflowAnswer(workflow) };
};

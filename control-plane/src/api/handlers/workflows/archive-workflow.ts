import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { archiveWorkflow as archive, deleteWorkflow as remove, restoreWorkflow as restore, type DeletionResult } from "@fluxo/prisma/repositories/workflow-archive";
import type { Handler } from "../../http/handler.ts";
import { refuseTakenNames } from "../name-taken.ts";
import { notFound } from "../not-found.ts";
import { toWorkflowAnswer } from "./workflow-answer.ts";

/** POST /v1/workflows/{workflowId}/archive */
export const archiveWorkflow: Handler<Routes["archiveWorkflow"]> = async ({ access, params }, { tenantDb, clock }) => {
  const workflow = await tenantDb.withTenant(access.tenantId, (db) => archive(db, access.tenantId, params.workflowId, clock.now()));
  if (workflow === undefined) throw notFound("workflow");
  return { status: 200, body: toWorkflowAnswer(workflow) };
};

/** POST /v1/workflows/{workflowId}/restore */
export const restoreWorkflow: Handler<Routes["restoreWorkflow"]> = async ({ access, params, body }, { tenantDb }) => {
  const workflow = await refuseTakenNames("workflow", () => tenantDb.withTenant(access.tenantId, (db) => restore(db, access.tenantId, params.workflowId, body?.name)));
  if (workflow === undefined) throw notFound("workflow");
  return { status: 200, body: toWorkflowAnswer(workflow) };
};

/** DELETE /v1/workflows/{workflowId} */
export const deleteWorkflow: Handler<Routes["deleteWorkflow"]> = async ({ access, params }, { tenantDb }) => {
  const refusal = refusalOf(await tenantDb.withTenant(access.tenantId, (db) => remove(db, access.tenantId, params.workflowId)));
  if (refusal !== undefined) throw refusal;
  return { status: 204 };
};

function refusalOf(result: DeletionResult): RequestError | undefined {
  switch (result.outcome) {
    case "deleted":
      return undefined;
    case "notFound":
      return notFound("workflow");
    case "notArchived":
      return new RequestError("STATE_CONFLICT", { detail: "Archive the workflow first." });
    case "busy": {
      const { running, waiting, queued } = result;
      const total = running + waiting + queued;
      const detail = `${total} ${total === 1 ? "execution" : "executions"} of the workflow ${total === 1 ? "has" : "have"} not ended: ${running} running, ${waiting} waiting, ${queued} queued.`;
      return new RequestError("WORKFLOW_BUSY", { detail });
    }
    case "inUse":
      return new RequestError("STATE_CONFLICT", { detail: `It is the error workflow of ${result.usedBy.join(", ")}. Name another one there first.` });
    default:
      return result satisfies never;
  }
}

import type { Routes } from "@fluxo/contracts/http/routes";
import { createWorkflow as insertWorkflow } from "@fluxo/prisma/repositories/workflows";
import type { Handler } from "../../http/handler.ts";
import { refuseTakenNames } from "../name-taken.ts";
import { entityTag } from "./entity-tag.ts";
import { toWorkflowAnswer } from "./workflow-answer.ts";

/** POST /v1/workflows */
export const createWorkflow: Handler<Routes["createWorkflow"]> = async ({ access, body }, { tenantDb, ids }) => {
  const { name, graph = { nodes: [], edges: [] } } = body;
  const workflow = await refuseTakenNames("workflow", () =>
    tenantDb.withTenant(access.tenantId, (db) => insertWorkflow(db, access.tenantId, { id: ids.next(), name, draft: graph })),
  );
  return { status: 201, headers: { Location: `/v1/workflows/${workflow.id}`, ETag: entityTag(workflow.draftRevision) }, body: toWorkflowAnswer(workflow) };
};
